-- Nothing changes in the tables: tavus_app may ask for tavus.health_look() from here on, as upkeep does.
SELECT 1 \g /dev/null
