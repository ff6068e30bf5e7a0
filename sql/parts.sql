-- What intake asks of an event by its names alone, said once: the look at a batch beforehand and what
-- is written afterwards ask the same functions.  They are expressions, which a query takes in.

-- Whether the word of its source counts for conversations and intents: Tavus's or the server's own.
CREATE OR REPLACE FUNCTION tavus.ours(source text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source IN ('tavus', 'server');

-- Whether one of its names is too long to be stored.
CREATE OR REPLACE FUNCTION tavus.too_long(source text, event_type text, conversation_id text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(conversation_id) > 1000 OR octet_length(event_type) > 1000
       OR octet_length(source) > 1000;

-- The part that an event plays in a projection: 'conversations' or 'intents'; NULL for none.  The
-- projection is written as a constant, and what is said of the other falls away.  A key is found in
-- half of the time that a comparison with one after the other takes.
CREATE OR REPLACE FUNCTION tavus.part(projection text, source text, event_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE projection
    WHEN 'conversations' THEN
        CASE source
        WHEN 'tavus' THEN '{
            "system.replica_joined": "started",
            "system.pal_joined": "started",
            "conversation.started": "started",
            "system.shutdown": "shutdown",
            "conversation.ended": "shutdown",
            "application.transcription_ready": "transcript",
            "application.recording_ready": "recording",
            "application.perception_analysis": "perception",
            "application.post_call_action_executed": "afterwards"
        }'::jsonb ->> event_type
        WHEN 'server' THEN '{
            "conversation.created": "created",
            "conversation.ended": "closed"
        }'::jsonb ->> event_type
        END
    WHEN 'intents' THEN
        CASE source
        WHEN 'server' THEN '{
            "conversation.requested": "wish",
            "conversation.create_failed": "failure",
            "conversation.created": "announced",
            "conversation.ended": "closed",
            "conversation.not_found": "closed",
            "conversation.end_failed": "unended"
        }'::jsonb ->> event_type
        END
    END;

-- All that plays a part in the first, or as a wish or a failure in the second, whoever sends it.
CREATE OR REPLACE FUNCTION tavus.role_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{system.replica_joined,system.pal_joined,conversation.started,system.shutdown,conversation.ended,
         application.transcription_ready,application.recording_ready,application.perception_analysis,
         application.post_call_action_executed,conversation.created}'::text[];

CREATE OR REPLACE FUNCTION tavus.wish_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{conversation.requested,conversation.create_failed}'::text[];

-- What says when a call was over, what says how long it might last, and what the database tells by
-- itself where it was cut short.
CREATE OR REPLACE FUNCTION tavus.end_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{system.shutdown,conversation.ended}'::text[];

CREATE OR REPLACE FUNCTION tavus.announce_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{conversation.created}'::text[];

CREATE OR REPLACE FUNCTION tavus.cut_short_type() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'conversation.cut_short';

-- What the words of a conversation are made of: what was said, what was seen, and when it began.
CREATE OR REPLACE FUNCTION tavus.talk_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{application.transcription_ready,application.perception_analysis,conversation.created}'::text[];

-- What leads are made of.
CREATE OR REPLACE FUNCTION tavus.lead_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{contact.submitted,lead.handled}'::text[];

-- What there is among the events of a batch for readers of the log that want little of it: bits, a superset of
-- what is true.  Who adds to the log without them (NULL) is read by all.
CREATE OR REPLACE FUNCTION tavus.log_sort(reader text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE reader WHEN 'orders' THEN 1 WHEN 'leads' THEN 2 WHEN 'words' THEN 4 WHEN 'traces' THEN 8 END;

CREATE OR REPLACE FUNCTION tavus.log_sorts(sources text[], event_types text[]) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN event_types && tavus.talk_types() THEN 4 ELSE 0 END
       + CASE WHEN 'tavus' = ALL (sources) THEN 0
              ELSE 8 + CASE WHEN 'stripe' = ANY (sources) THEN 1 ELSE 0 END
                     + CASE WHEN event_types && tavus.lead_types() THEN 2 ELSE 0 END END;

-- What a visitor decides of being counted, in a browser.
CREATE OR REPLACE FUNCTION tavus.consent_types() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{consent}'::text[];

CREATE OR REPLACE FUNCTION tavus.decides(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source = 'browser' AND event_type = 'consent';

-- Whether a conversation has one such event at a moment: a second one with another body contradicts
-- it.  Of all others of Tavus there may be several, known and unknown ones.
CREATE OR REPLACE FUNCTION tavus.alone(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source IS DISTINCT FROM 'tavus'
       OR coalesce(tavus.part('conversations', source, event_type)
                       IN ('started', 'shutdown', 'transcript'), false);

-- Whether it is of the trail: what an admin has changed or looked at.
CREATE OR REPLACE FUNCTION tavus.trails(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source = 'server' AND starts_with(event_type, 'admin.');

-- Whether it tells what an admin has looked at, which is in no list but of just these.
CREATE OR REPLACE FUNCTION tavus.looks(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source = 'server' AND event_type = 'admin.viewed';

-- What tells that somebody, or something, was erased: by its id alone.
CREATE OR REPLACE FUNCTION tavus.erased_type(what text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN what || '.erased';

-- What a visitor has to say, rather than what was said in a conversation: it is not erased with that.
CREATE OR REPLACE FUNCTION tavus.written(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source = 'browser' AND event_type = 'contact.submitted';

-- Whether it holds what was said or seen in a conversation, what was made of that, or where it lies.
CREATE OR REPLACE FUNCTION tavus.said(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source IN ('tavus', 'browser')
       AND (event_type IN ('utterance', 'perception_tool_call', 'conversation.utterance',
                           'conversation.utterance.streaming', 'conversation.tool_call',
                           'conversation.perception_tool_call', 'conversation.perception_analysis')
            OR starts_with(event_type, 'application.') OR starts_with(event_type, 'canvas.')
            OR starts_with(event_type, 'video.') OR starts_with(event_type, 'conversation.objective.')
            OR starts_with(event_type, 'conversation.guardrail.'));

-- What of a browser's events is counted under its own name: what the site sends, what the room does, and what
-- the module itself makes of a visitor.  All other names are a browser's to choose.
CREATE OR REPLACE FUNCTION tavus.counted(event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN event_type IN ('page_view', 'select_item', 'select_promotion', 'video_demo_started',
                      'video_demo_line', 'video_demo_connected', 'video_demo_failed', 'video_demo_ended',
                      'generate_lead', 'begin_checkout', 'checkout_returned', 'purchase', 'consent',
                      'contact.submitted', 'conversation.utterance', 'conversation.tool_call',
                      'conversation.perception_tool_call');

-- Whether it begins a visit, if it is the first of its session.
CREATE OR REPLACE FUNCTION tavus.visits(source text, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source = 'browser' AND event_type = 'page_view';
