-- What a provider settles stands in reports that it told of; those that are to be read are found by this.
-- depends: payments.0021 payments.0022

CREATE INDEX payment_told_reports ON payment_told (account_id, at) WHERE kind = 'REPORT_AVAILABLE';
