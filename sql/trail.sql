-- The trail: what admins have changed and looked at.  Looks are stored as all events are; a change of the
-- database's own tells of itself here.

-- Stores the event of a change in the transaction of the change, whose answer it is given, and returns that.
-- The trail says who, from where, and on what; it is of the type of its member "type".  Numbers and truths
-- of the answer are told, too, no words; and what came of it, unless the trail says that.  A change that
-- cannot be told of is none.
CREATE OR REPLACE FUNCTION tavus.trail_changed(answer text, trail jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
DECLARE
    type text := trail ->> 'type';
    id   uuid := overlay(gen_random_uuid()::text
                         PLACING left(tavus.uuid_floor(clock_timestamp())::text, 13) || '-7' FROM 1);
BEGIN
    IF NOT coalesce(tavus.trails('server', type), false) THEN
        RAISE 'a change needs a trail' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF tavus.record(
           ARRAY[id], ARRAY[clock_timestamp()], '{NULL}', '{2}', '{server}', ARRAY[type], '{NULL}', '{NULL}',
           '{NULL}',
           ARRAY[convert_to((trail - 'type' || jsonb_build_object(
                   'outcome', coalesce(tavus.str(trail, 'outcome'),
                                       CASE WHEN answer IS NULL THEN 'not_found' ELSE 'done' END),
                   'result', coalesce((
                       SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(answer::jsonb) m
                        WHERE jsonb_typeof(m.value) IN ('number', 'boolean')), '{}')))::text, 'UTF8')],
           '{NULL}') <> 's'
    THEN
        RAISE 'the trail of a change was not stored';
    END IF;

    RETURN answer;
END
$$;
