-- Rollups: what results come to by minute, hour and day. Their tables are made by the
-- store itself, one for each stretch that is dropped as a whole: rollup_m_YYYYMMDD (a day
-- of minutes), rollup_h_YYYYMM01 and rollup_d_YYYYMM01 (a month of hours and of days).
--
-- How far the results have been read, as (day, row) of the day tables: all up to
-- rollup_from is in the rollups. While the results from there up to rollup_to are being
-- written, the first rollup_done cells of them (core/rollbook.h) are as well.
INSERT OR IGNORE INTO state (key, value) VALUES
    ('rollup_from_day', 0), ('rollup_from_row', 0),
    ('rollup_to_day', 0), ('rollup_to_row', 0), ('rollup_done', 0);
