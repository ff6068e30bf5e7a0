-- What is among the events of a row of the log, for readers that want little of it: see tavus.log_sorts().  NULL: it
-- was not noted, as before there was this column.
SELECT tavus.lock_tables('log') \g /dev/null
ALTER TABLE tavus.log ADD sorts int;
