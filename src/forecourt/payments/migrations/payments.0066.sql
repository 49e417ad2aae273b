-- What no terminal can have taken is told of, and booked by nobody.
-- depends: payments.0015 payments.0065

ALTER TABLE terminal_settlements DROP CONSTRAINT terminal_settlements_problem_check;
ALTER TABLE terminal_settlements ADD CONSTRAINT terminal_settlements_problem_check
    CHECK (problem IN ('no-session', 'no-price', 'paid-twice', 'amount'));
