-- How many places Tavus has shown to have, where that is fewer than are asked for: see tavus.budget_places().
SELECT tavus.lock_tables('budget') \g /dev/null
ALTER TABLE tavus.budget ADD most int, ADD most_at timestamptz, ADD tried bytea;
