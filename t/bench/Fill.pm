package Fill;

# Fills a database with what a busy site has stored, straight into the tables, by
# PostgreSQL alone; the same rows for the same numbers.
#
#   Fill::fill($db, events => 1_000_000);       a DBI handle of a superuser
#
#   events  how many, about: each 40 are a visit (1,000,000)
#   days    over how many days, the last of which ends now (60)
#   until   when that is, a Unix time (the hour that is over)
#   unread  1: readers of the log have all of it before them; 0: none of it
#   quiet   1: says nothing
#
# Empty before: what was stored is deleted.  Each visit has page views of a browser,
# a conversation with its wish, 24 utterances, transcript and perception; each
# tenth a purchase with Stripe's events and an order, each fourth a lead, each
# twentieth an error, some are of another source.  Deliveries, quarantine, log,
# intents, conversations, consents are there as intake and readers would have made them.
# Every transcript has words that no other has: "mynumber" and the number of its
# visit (mynumber17); a thousandth also says "needlework".

use v5.36;

use Time::HiRes qw(time);

# Words as visitors say them, the frequent ones first; behind them come made ones.
my @word = split ' ', <<'WORDS';
the i to you it is a and of that in we have for do what can my not on with are be this your so if how just like
one would me at about know yes no but they our need get want think go when there time really see okay right could
or from all more price an as will cost use help make work good much some also where people which does thanks then
now monthly plan appointment team call price question minutes business customer doctor lawyer order refund demo
delivery contract insurance patient shipping calendar tomorrow morning afternoon website agent video email phone
integration support language german english contact offer annual discount invoice payment card secure privacy data
WORDS

my @foreign = (
    'Guten Tag, ich möchte gerne wissen, was das im Monat kostet, und ob wir in München einen Termin bekommen',
    'Bonjour, je voudrais savoir combien ça coûte et si nous pouvons déjà commencer la semaine prochaine',
    '料金はいくらですか。来週の予約を取りたいのですが、可能でしょうか',
    '我想了解一下价格，下周可以预约吗？我们公司在上海',
    'Здравствуйте, подскажите, пожалуйста, сколько это стоит',
);

# What a visit brings: seconds from its beginning, kind, source, type; the body is made of
# columns of the visit (v) and of what is said in it (p).
my @step = (
    (map { [$_ * 5, 2, 'browser', $_ == 3 ? 'cta_click' : 'page_view',
        qq('{"session_id":"', v.session, '","path":"/demos/$_","referrer":"https://search.example/",)
        . qq("utm_source":"', v.utm, '","utm_medium":"cpc","consent":"granted"}')] } 0 .. 5),
    [30, 2, 'server', 'conversation.requested',
        q('{"nonce":"', v.nonce, '","vertical":"', v.vertical, '","persona_id":"p5d', v.persona,
          '","replica_id":"r9f8e7d6c5b4","session_id":"', v.session, '","utm_source":"', v.utm,
          '","utm_medium":"cpc","consent":"granted","user_id":"', v.visitor, '"}')],
    [31, 2, 'server', 'conversation.created',
        q('{"nonce":"', v.nonce, '","conversation_url":"https://tavus.example/', v.call, '","vertical":"',
          v.vertical, '","persona_id":"p5d', v.persona, '","replica_id":"r9f8e7d6c5b4","session_id":"',
          v.session, '","utm_source":"', v.utm, '","utm_medium":"cpc","consent":"granted","user_id":"',
          v.visitor, '"}')],
    [35, 0, 'tavus', 'system.replica_joined', q(v.head, '{"replica_id":"r9f8e7d6c5b4"}}')],
    (map { my $n = $_; my $role = $n % 2 ? 'user' : 'replica';
        [35 + $n * 5, 0, 'tavus', 'conversation.utterance',
            qq(v.head, '{"role":"$role","speech":', to_json(p.said[$n]), ',"inference_id":"inf-', v.i, '-$n"}}')]
        } 1 .. 24),
    [160, 0, 'tavus', 'system.shutdown',
        q(v.head, '{"shutdown_reason":"participant_left_timeout","replica_id":"r9f8e7d6c5b4"}}')],
    [165, 0, 'tavus', 'application.transcription_ready',
        q(v.head, '{"replica_id":"r9f8e7d6c5b4","transcript":[', p.rows,
          ',{"role":"user","content":"I am called ', v.name, ', mynumber', v.i, '.', v.rare, '"}]}}')],
    [170, 0, 'tavus', 'application.perception_analysis', q(v.head, '{"analysis":', p.seen, '}}')],
    [180, 2, 'browser', 'page_view', q('{"session_id":"', v.session,
          '","path":"/pricing","utm_source":"', v.utm, '","consent":"granted"}')],
    [190, undef, undef, undef, undef],      # a lead, or a page view
    [200, undef, undef, undef, undef],      # a purchase, an error, or of others
    [210, undef, undef, undef, undef],
);

sub said ($opt, $from, $what) {
    printf STDERR "  %s: %.1f s\n", $what, time - $from unless $opt->{quiet};
    return;
}

sub fill ($db, %opt) {
    my $visits = int(($opt{events} // 1_000_000) / 40) || 1;
    my $days = $opt{days} // 60;
    my $until = $opt{until} // int(time / 3600) * 3600;
    my $begun = time;

    local $db->{PrintWarn} = 0;
    $db->do($_) for 'SET synchronous_commit = off', 'SET client_min_messages = warning',
        q{SET work_mem = '256MB'}, q{SET maintenance_work_mem = '512MB'}, 'SET jit = off',
        q{SET TimeZone = 'UTC'}, q{SET search_path = pg_catalog, pg_temp}, 'SET statement_timeout = 0';

    clear($db);
    $db->do('SELECT tavus.make_months()');
    $db->do('SET ROLE tavus_owner');
    $db->do(q{SELECT tavus.add_partition(m) FROM generate_series(
        date_trunc('month', (to_timestamp(?) - ? * interval '1 day') AT TIME ZONE 'UTC'),
        to_timestamp(?) AT TIME ZONE 'UTC', '1 month') m},
        {}, $until, $days, $until);
    $db->do('RESET ROLE');

    speech($db);
    visits($db, $visits, $days, $until);
    said(\%opt, $begun, "$visits visits");
    events($db, $visits);
    said(\%opt, $begun, 'events');
    others($db);
    said(\%opt, $begun, 'what is made of them');
    logged($db, $opt{unread});
    said(\%opt, $begun, 'log');

    $db->do("DROP TABLE pg_temp.$_") for qw(speech visit);
    $db->do("VACUUM (ANALYZE, PARALLEL 0) tavus.$_") for $db->selectcol_arrayref(q{
        SELECT relname FROM pg_class WHERE relnamespace = 'tavus'::regnamespace AND relkind = 'r'
          AND relname NOT LIKE 'events\_p%' ORDER BY 1})->@*;
    $db->do('VACUUM (ANALYZE, PARALLEL 0) tavus.events');
    $db->do('CHECKPOINT');
    $db->do('RESET ALL');
    said(\%opt, $begun, 'vacuumed, analysed');
    return $visits * 40;
}

# All tables but those that hold the configuration's or this database's own.
sub clear ($db) {
    my %kept = map { $_ => 1 } qw(migrations alert_kinds alert_looks erasure_salt log_past log_epochs
        digests_round repair_pace budget nodes retention);
    my @all = grep { !$kept{$_} } $db->selectcol_arrayref(q{
        SELECT relname::text FROM pg_class WHERE relnamespace = 'tavus'::regnamespace
           AND relkind IN ('r', 'p') AND NOT relispartition})->@*;
    $db->do('TRUNCATE ' . join(', ', map { "tavus.$_" } @all) . ' CASCADE');
    return;
}

# 4,096 conversations as they are spoken: words by Zipf's law, some in other languages.
sub speech ($db) {
    $db->do(q{CREATE TEMP TABLE word AS
        SELECT n, coalesce(($1::text[])[n],
                   (SELECT string_agg((ARRAY['ba','ri','lo','ten','mar','vi','sol','ku','der','pan','ne','tor','gis',
                                            'fa','lem','oru','st','ay','pli','mon'])[
                                     1 + (hashint8extended(n, k) & 1048575) % 20], '' ORDER BY k)
                      FROM generate_series(1, 2 + n % 3) k)) AS word
          FROM generate_series(1, 20000) n}, {}, \@word);
    $db->do('CREATE INDEX ON word (n)');
    $db->do('ANALYZE word');
    $db->do(q{CREATE TEMP TABLE speech AS
        SELECT q.p, q.said,
               (SELECT string_agg(concat('{"role":"', CASE WHEN o % 2 = 0 THEN 'assistant' ELSE 'user' END,
                                         '","content":', to_json(t), '}'), ',' ORDER BY o)
                  FROM unnest(q.said) WITH ORDINALITY AS s (t, o)) AS rows,
               to_json(concat('The visitor seems interested. ', q.said[7], '. ', q.said[11], '.')) AS seen
          FROM (SELECT p, array_agg(CASE WHEN p % 50 = 7 THEN f.foreign
                                         ELSE upper(left(s.text, 1)) || substr(s.text, 2)
                                              || CASE k % 3 WHEN 0 THEN '?' ELSE '.' END END
                                    ORDER BY k) AS said
                  FROM (SELECT p, k, string_agg(w.word, ' ' ORDER BY j) AS text
                          FROM generate_series(0, 4095) p, generate_series(1, 24) k,
                               generate_series(1, 11) j,
                               LATERAL (SELECT 1 + floor(exp(((hashint8extended(p * 1000 + k * 20 + j, 7)
                                               & 1073741823) / 1073741824.0) * ln(19999)))::int AS n) r
                          JOIN word w ON w.n = r.n
                         GROUP BY p, k) s,
                       LATERAL (SELECT ($1::text[])[1 + (p / 50 + k) % $2::int] AS foreign) f
                 GROUP BY p) q}, {}, \@foreign, scalar @foreign);
    $db->do('CREATE INDEX ON speech (p)');
    $db->do('ANALYZE speech');
    $db->do('DROP TABLE word');
    return;
}

sub visits ($db, $visits, $days, $until) {
    $db->do(q~CREATE TEMP TABLE visit AS
        SELECT i, to_timestamp($3) - $2 * interval '1 day' * (1 - i::float8 / $1) AS at,
               'c' || substr(md5('c' || i), 1, 15) AS call, md5('n' || i) AS nonce,
               md5('s' || i / 2) AS session, 'tv_' || md5('u' || i / 2) AS visitor,
               (ARRAY['healthcare','legal','ecommerce','general'])[1 + i % 4] AS vertical,
               i % 4 AS persona, (ARRAY['google','newsletter','linkedin','bing','partner'])[1 + i % 5] AS utm,
               initcap((ARRAY['an','jo','ma','pe','ka','li','to','ro','ed','sa'])[1 + i % 10]
                       || (ARRAY['na','hn','ria','ter','rin','sa','mas','bert','gar','ra'])[1 + i / 10 % 10])
               AS name,
               CASE WHEN i % 1000 = 500 THEN ' I sell needlework.' ELSE '' END AS rare,
               concat('{"message_type":"application","conversation_id":"c', substr(md5('c' || i), 1, 15),
                      '","webhook_url":"https://example.com/api/tavus/webhook","properties":') AS head,
               (hashint8extended(i, 11) & 4095)::int AS p
          FROM generate_series(1, $1::int) i~, {}, $visits, $days, $until - 300);
    $db->do('CREATE INDEX ON visit (i)');
    $db->do('ANALYZE visit');
    return;
}

my $id = q{(lpad(to_hex((extract(epoch FROM %1$s) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(v.i || '.%2$s'), 1, 3) || '8' || substr(md5(v.i || '.%2$s'), 4, 15))::uuid};

sub uuid ($step) {
    return sprintf $id, "v.at + interval '$step->[0] s'", $step->[0];
}

# A statement for each step of a chunk of visits, so that ids come nearly in their order.
sub events ($db, $visits) {
    my $chunk = 5000;
    my $lead = q{'{"name":"', v.name, '","email":"', lower(v.name), v.i, '@example.com","message":',
        to_json(p.said[3]), ',"session_id":"', v.session, '","user_id":"', v.visitor, '","conversation_id":"',
        v.call, '","utm_source":"', v.utm, '","consent":"granted"}'};
    my $sold = q{'{"id":"evt_', v.nonce, '","object":"event","api_version":"2026-10-28","created":',
        extract(epoch FROM v.at)::bigint + 200, ',"type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_test_',
        v.nonce, '","object":"checkout.session","created":', extract(epoch FROM v.at)::bigint + 190,
        ',"status":"complete","payment_status":"paid","mode":"payment","amount_total":', 1900 + v.i % 7 * 500,
        ',"currency":"', CASE v.i % 30 WHEN 0 THEN 'usd' ELSE 'eur' END, '","payment_intent":"pi_', v.nonce,
        '","customer":"cus_', substr(v.session, 1, 14), '","metadata":{"order_id":"', ORDER,
        '"}}}}'} =~ s/ORDER/uuid([195])/er;
    my $page = $step[-4][4];

    my @row = map {
        my ($s, $kind, $source, $type, $body) = @$_;
        my $n = $s;
        $s == 190 ? [$s, q{CASE v.i % 4 WHEN 0 THEN 3 ELSE 2 END}, q{'browser'},
            q{CASE v.i % 4 WHEN 0 THEN 'contact.submitted' ELSE 'page_view' END},
            "CASE v.i % 4 WHEN 0 THEN concat($lead) ELSE concat($page) END"]
        : $s == 200 ? [$s, q{CASE WHEN v.i % 20 = 5 THEN 1 WHEN v.i % 10 = 0 THEN 0 WHEN v.i % 10 = 1 THEN 3
                ELSE 2 END},
            q{CASE WHEN v.i % 20 = 5 THEN 'server' WHEN v.i % 10 = 0 THEN 'stripe'
                WHEN v.i % 10 = 2 THEN 'standard' ELSE 'browser' END},
            q{CASE WHEN v.i % 20 = 5 THEN 'conversation.create_failed'
                WHEN v.i % 10 = 0 THEN 'checkout.session.completed'
                WHEN v.i % 10 = 1 THEN 'generate_lead' WHEN v.i % 10 = 2 THEN 'crm.contact.updated'
                ELSE 'section_view' END},
            qq{CASE WHEN v.i % 20 = 5 THEN concat('{"nonce":"', md5('f' || v.i), '","outcome":"failed","reason":"timeout","http_status":504}')
                WHEN v.i % 10 = 0 THEN concat($sold) ELSE concat($page) END}]
        : $s == 210 ? [$s, 2, q{'server'}, q{'admin.viewed'},
            q{concat('{"by":"owner","route":"conversations/{id}","object":{"id":"', v.call, '"}}')}]
        : [$s, $kind, "'$source'", "'$type'", "concat($body)"]
    } @step;

    for (my $i = 1; $i <= $visits; $i += $chunk) {
        $db->do(join(' UNION ALL ', map {
                my ($s, $kind, $source, $type, $body) = @$_;
                my $call = $s < 30 ? 'NULL'
                    : $s >= 30 && $s <= 170 ? ($s == 30 ? 'NULL' : 'v.call')
                    : $s == 190 ? 'CASE v.i % 4 WHEN 0 THEN v.call END' : 'NULL';
                ($_ == $row[0] ? 'INSERT INTO tavus.events (id, received_at, kind, source, event_type, '
                    . 'conversation_id, verification, body) ' : '')
                . sprintf(q{(SELECT %s, v.at + interval '%s s', (%s)::smallint, %s, %s, %s,
                    CASE WHEN %s IN ('tavus', 'stripe') THEN '{"method":"signature","key_id":"k1"}' END,
                    convert_to(%s, 'UTF8')
                    FROM visit v JOIN speech p ON p.p = v.p WHERE v.i >= %d AND v.i < %d)},
                    uuid($_), $s + 0.2, $kind, $source, $type, $call, $source, $body, $i, $i + $chunk)
            } @row) . ' ORDER BY 1');
    }
    return;
}

sub others ($db) {
    my %at = map { ($_->[3] // '') => uuid($_) } grep { $_->[3] } @step;
    my ($created, $joined, $requested, $shutdown, $transcript, $perception) = map { $at{$_} }
        qw(conversation.created system.replica_joined conversation.requested system.shutdown
           application.transcription_ready application.perception_analysis);

    $db->do(qq{INSERT INTO tavus.intents (nonce, conversation_id, requested_id, vertical, persona_id, replica_id,
            document_tags, memory_stores, session_id, utm_source, utm_medium, consent, user_id, seen_at, announced)
        SELECT decode(v.nonce, 'hex'), v.call, $requested, v.vertical, 'p5d' || v.persona, 'r9f8e7d6c5b4',
               '{kb-global}', ARRAY[v.visitor], v.session, v.utm, 'cpc', 'granted', v.visitor, v.at, true
          FROM visit v ORDER BY v.nonce});
    $db->do(qq{INSERT INTO tavus.conversations (id, first_id, nonce, announced_id, url, vertical, persona_id, replica_id,
            document_tags, memory_stores, session_id, utm_source, utm_medium, consent, user_id, started_id,
            shutdown_id, shutdown_reason, transcript_id, perception_id)
        SELECT v.call, $created, decode(v.nonce, 'hex'), $created, 'https://tavus.example/' || v.call, v.vertical,
               'p5d' || v.persona, 'r9f8e7d6c5b4', '{kb-global}', ARRAY[v.visitor], v.session, v.utm, 'cpc',
               'granted', v.visitor, $joined, CASE WHEN v.i % 500 > 0 THEN $shutdown END,
               CASE WHEN v.i % 500 > 0 THEN 'participant_left_timeout' END, $transcript, $perception
          FROM visit v});
    $db->do(sprintf q{INSERT INTO tavus.leads (id, name, email, message, conversation_id, session_id, user_id,
            utm_source, consent, handled)
        SELECT %s, v.name, lower(v.name) || v.i || '@example.com', p.said[3], v.call, v.session, v.visitor, v.utm,
               'granted', v.i %% 16 > 0
          FROM visit v JOIN speech p ON p.p = v.p WHERE v.i %% 4 = 0}, uuid([190]));
    $db->do(sprintf q{INSERT INTO tavus.orders (id, ours, livemode, asked_at, plan, mode, lines, amount, currency, email,
            conversation_id, session_id, user_id, utm_source, consent, answered_session, told_session, told_state,
            told_at, paid_at, payment_intent, total, total_currency)
        SELECT %s, true, false, v.at, 'starter', 'payment', '[{"price":"price_1","quantity":1}]', 1900 + v.i %% 7 * 500,
               CASE v.i %% 30 WHEN 0 THEN 'usd' ELSE 'eur' END, lower(v.name) || v.i || '@example.com', v.call,
               v.session, v.visitor, v.utm, 'granted', 'cs_test_' || v.nonce, 'cs_test_' || v.nonce,
               CASE v.i %% 200 WHEN 0 THEN 'expired' ELSE 'paid' END, v.at,
               CASE WHEN v.i %% 200 > 0 THEN v.at END, 'pi_' || v.nonce, 1900 + v.i %% 7 * 500,
               CASE v.i %% 30 WHEN 0 THEN 'usd' ELSE 'eur' END
          FROM visit v WHERE v.i %% 10 = 0}, uuid([195]));
    $db->do(sprintf q{INSERT INTO tavus.subscriptions (id, subscription, ours, livemode, order_id, status, paused,
            invoices, renewals, failing, told_at)
        SELECT %1$s, 'sub_' || v.nonce, true, false, %1$s, CASE v.i %% 300 WHEN 0 THEN 'canceled' ELSE 'active' END,
               false, 1, 0, false, v.at
          FROM visit v WHERE v.i %% 100 = 0}, uuid([195]));
    $db->do(q{INSERT INTO tavus.consents (subject, granted, decided_id)
        SELECT 'session ' || v.session, v.i % 5 > 0, } . uuid([210]) . q{ FROM visit v WHERE v.i % 2 = 0
        ON CONFLICT DO NOTHING});
    $db->do(q{INSERT INTO tavus.destinations (name, kind) VALUES ('posthog', 'posthog'), ('crm', 'webhook')});
    $db->do(q{INSERT INTO tavus.deliveries (destination, event_id, dead, tries, due_at, reason, status)
        SELECT CASE v.i % 40 WHEN 0 THEN 'crm' ELSE 'posthog' END, } . uuid([190]) . q{, v.i % 40 > 0, 8,
               now() + interval '1 hour', 'answered 400', 400
          FROM visit v WHERE v.i % 20 = 0});
    $db->do(q{INSERT INTO tavus.quarantine (digest, id, received_at, source, event_type, conversation_id,
            verification, body, reason)
        SELECT sha256(v.nonce::bytea), } . uuid([34]) . q~, v.at, 'tavus', 'conversation.utterance', v.call,
               '{"method":"signature","key_id":"k1"}',
               convert_to(concat(v.head, '{"role":"user","speech":', to_json(p.said[1]), '}}'), 'UTF8'), 'conflict'
          FROM visit v JOIN speech p ON p.p = v.p WHERE v.i % 100 = 0 ORDER BY v.i~);
    return;
}

# In batches of 32, as they were received.
sub logged ($db, $unread) {
    $db->do(q{INSERT INTO tavus.log (at, ids, sorts)
        SELECT max(received_at), array_agg(id ORDER BY received_at, id),
               tavus.log_sorts(array_agg(source), array_agg(event_type))
          FROM (SELECT id, received_at, source, event_type, (row_number() OVER (ORDER BY received_at, id) - 1) / 32 AS batch
                  FROM tavus.events) e
         GROUP BY batch ORDER BY batch});
    # a server that runs has begun some of them meanwhile
    $db->do('DELETE FROM tavus.cursors');
    $db->do(q{SELECT tavus.cursor_make(c) FROM unnest($1::text[]) c}, {},
        $unread ? [] : [qw(leads orders traces), readers($db)]);
    return;
}

# Readers that are made by functions of their own name: tavus.x_roll() has the cursor x.
sub readers ($db) {
    return grep { !/^(leads|orders|traces)$/ } map { s/_roll$//r } $db->selectcol_arrayref(q{
        SELECT DISTINCT proname::text FROM pg_proc
         WHERE pronamespace = 'tavus'::regnamespace AND proname LIKE '%\_roll'})->@*;
}

1;
