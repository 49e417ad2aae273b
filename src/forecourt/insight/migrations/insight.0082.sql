-- Which steps of the night were done with a lake, by the day on which that was written.
-- depends: insight.0081

ALTER TABLE lakes ADD COLUMN forecast_on date, ADD COLUMN acted_on date, ADD COLUMN looked_on date;
