CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT, active INTEGER, interval INTEGER,
    url TEXT, type TEXT, hostname TEXT, port INTEGER, maxretries INTEGER,
    retry_interval INTEGER, timeout REAL, upside_down INTEGER, resend_interval INTEGER,
    description TEXT, parent INTEGER);
CREATE TABLE notification (id INTEGER PRIMARY KEY, name TEXT, active INTEGER, config TEXT);
CREATE TABLE monitor_notification (id INTEGER PRIMARY KEY, monitor_id INTEGER,
    notification_id INTEGER);
CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT, color TEXT);
CREATE TABLE monitor_tag (id INTEGER PRIMARY KEY, monitor_id INTEGER, tag_id INTEGER,
    value TEXT);
INSERT INTO monitor VALUES
    (1, 'Website', 1, 60, 'https://example.org', 'http', NULL, NULL, 0, 60, 48, 0, 0, NULL, NULL),
    (2, 'PostgreSQL', 1, 60, NULL, 'port', 'db.example.org', 5432, 3, 20, 48, 0, 10, NULL, NULL),
    (3, 'Telnet stays closed', 0, 300, NULL, 'port', '192.0.2.7', 23, 0, 300, 0, 1, 0, NULL, NULL),
    (4, 'Router', 1, 20, NULL, 'ping', '192.0.2.1', NULL, 0, 20, 16, 0, 0, NULL, NULL);
INSERT INTO notification VALUES (1, 'Ops Slack', 1, '{}');
INSERT INTO monitor_notification VALUES (1, 1, 1), (2, 2, 1);
INSERT INTO tag VALUES (1, 'team', '#059669');
INSERT INTO monitor_tag VALUES (1, 2, 1, 'data base');
