-- What was said of the ends of a session is seen by whoever sees its station.
-- depends: sessions.0005 sessions.0006

SELECT stations_hold_to_sites('session_ends');
