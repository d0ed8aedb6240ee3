-- Nothing was ever kept in it.
DROP TABLE IF EXISTS settings;
