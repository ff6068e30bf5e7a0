-- Which of what is counted are visits, by time: no column of its own begins it, or a plan that was made when the
-- table was empty would look here for one thing by its name, through all of them.
DROP INDEX tavus.stats_seen_at;
CREATE INDEX stats_seen_at ON tavus.stats_seen (((what = 'v')::int), at);
