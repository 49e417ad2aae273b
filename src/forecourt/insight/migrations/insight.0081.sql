-- That a series can't be forecast is chosen as well, and kept as long.
-- depends: insight.0080

ALTER TABLE forecast_choices
    DROP CONSTRAINT forecast_choices_check,
    ADD CONSTRAINT forecast_choices_check
        CHECK ((recipe IS NULL) = (judged IS NULL) AND (recipe IS NULL OR chosen_on IS NOT NULL));
