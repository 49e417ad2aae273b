-- Kinds of plugs are published by OCPI's names, however somebody wrote them.
-- depends: pricing.0071

CREATE FUNCTION plain_connector_type(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $body$
SELECT CASE lower(regexp_replace(said, '[^A-Za-z0-9]', '', 'g'))
    WHEN 'cccs1' THEN 'IEC_62196_T1_COMBO' WHEN 'ccs1' THEN 'IEC_62196_T1_COMBO'
    WHEN 'combo1' THEN 'IEC_62196_T1_COMBO' WHEN 'ccscombo1' THEN 'IEC_62196_T1_COMBO'
    WHEN 'iec62196t1combo' THEN 'IEC_62196_T1_COMBO'
    WHEN 'cccs2' THEN 'IEC_62196_T2_COMBO' WHEN 'ccs2' THEN 'IEC_62196_T2_COMBO'
    WHEN 'combo2' THEN 'IEC_62196_T2_COMBO' WHEN 'ccscombo2' THEN 'IEC_62196_T2_COMBO'
    WHEN 'cleccs' THEN 'IEC_62196_T2_COMBO' WHEN 'iec62196t2combo' THEN 'IEC_62196_T2_COMBO'
    WHEN 'ctype1' THEN 'IEC_62196_T1' WHEN 'type1' THEN 'IEC_62196_T1' WHEN 'iec62196t1' THEN 'IEC_62196_T1'
    WHEN 'ctype2' THEN 'IEC_62196_T2' WHEN 'stype2' THEN 'IEC_62196_T2' WHEN 'type2' THEN 'IEC_62196_T2'
    WHEN 'iec62196t2' THEN 'IEC_62196_T2' WHEN 'stype3' THEN 'IEC_62196_T3C' WHEN 'iec62196t3c' THEN 'IEC_62196_T3C'
    WHEN 'cg105' THEN 'CHADEMO' WHEN 'chademo' THEN 'CHADEMO' WHEN 'cchaoji' THEN 'CHAOJI' WHEN 'chaoji' THEN 'CHAOJI'
    WHEN 'cgbtdc' THEN 'GBT_DC' WHEN 'gbtdc' THEN 'GBT_DC' WHEN 'cgbt' THEN 'GBT_AC' WHEN 'gbtac' THEN 'GBT_AC'
    WHEN 'cmcs' THEN 'MCS' WHEN 'mcs' THEN 'MCS' WHEN 'cnacs' THEN 'SAE_J3400' WHEN 'nacs' THEN 'SAE_J3400'
    WHEN 'cnacsccs1' THEN 'SAE_J3400' WHEN 'saej3400' THEN 'SAE_J3400'
    WHEN 'ctesla' THEN 'TESLA_S' WHEN 'teslas' THEN 'TESLA_S'
    WHEN 's3091p16a' THEN 'IEC_60309_2_single_16' WHEN 's3091p32a' THEN 'IEC_60309_2_single_16'
    WHEN 's3093p16a' THEN 'IEC_60309_2_three_16' WHEN 's3093p32a' THEN 'IEC_60309_2_three_32'
    WHEN 'sbs1361' THEN 'DOMESTIC_G' WHEN 'scee77' THEN 'DOMESTIC_F'
    ELSE said END
$body$;
COMMENT ON FUNCTION plain_connector_type IS 'as forecourt.stations.plugs.plain_type; what is not known stays as it is';

-- What tariffs are assigned by stays as it was written: a name that changed would change prices.
CREATE OR REPLACE VIEW plug_types WITH (security_invoker = true) AS
SELECT tenant_id, station_id, evse, connector, plain_connector_type(connector_type) AS connector_type, evse_kind
FROM evse_plugs;
