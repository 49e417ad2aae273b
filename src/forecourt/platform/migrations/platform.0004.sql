-- Jobs that follow events have several subjects now; those that wait since before have one (see platform/outbox.py).
-- depends: platform.0003

DO $$
BEGIN
    IF to_regclass('procrastinate_jobs') IS NOT NULL THEN
        UPDATE procrastinate_jobs
            SET args = args - 'subject' || jsonb_build_object('subjects', jsonb_build_array(args -> 'subject'))
            WHERE args ? 'subject';
    END IF;
END
$$;
