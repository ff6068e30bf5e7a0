#!/usr/bin/perl

# tavus_vertical: what a business may sell, and what it may not write.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
sub v { my @v = @_; return (http => {tavus_vertical => \@v}) }
my $line = qr/./;
sub no_v {
    my ($name, $says, @v) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    refused($name, $says, $line, v(@v));
}

accepted('only a persona', v('x { persona_id p1; }'));
accepted('only a replica', v('x { replica_id r1; }'));
accepted('everything', v('a-b_9 { persona_id p1; replica_id r1; '
    . 'document_tags a b "c d"; document_retrieval_strategy speed; '
    . 'memory_stores m; visitor_memory on; language Spanish; '
    . 'custom_greeting "Grüß Gott; { }"; conversational_context "x # y"; '
    . 'audio_only off; require_auth on; max_call_duration 86400; '
    . 'participant_absent_timeout 5; '
    . 'participant_left_timeout 0; }'));
accepted('comments and lines', v("x {\n # a comment\n persona_id\n p1 ;\n }"));
accepted('a name of 32', v('x' x 32 . ' { persona_id p1; }'));
accepted('a code of a language', v('x { persona_id p1; language es; }'));
accepted("language $_", v("x { persona_id p1; language $_; }"))
    for qw(pt-BR en-US multilingual Filipino);
accepted("today's names", v('x { pal_id p1; face_id r1; }'));
accepted('one of each', v('x { persona_id p1; face_id r1; }'));
accepted('only a face', v('x { face_id r1; }'));

# include, also with a mask
my $dir = $t->dir;
$t->file('persona.inc', "persona_id p1;\nmax_call_duration 60;\n");
$t->file('bad.inc', "persona_id p1;\n\nnonsense 1;\n");
$t->file('more.inc1', "language en;\n");
accepted('include', v("x { include $dir/html/persona.inc; }"));
accepted('include of a mask', v("x { persona_id p; include $dir/html/*.inc1; }"));
accepted('include of nothing', v("x { persona_id p; include $dir/html/*.no; }"));
my $said = refused('include, and what is wrong in it', qr/"nonsense"/,
    qr/^nonsense 1;/, v("x { include $dir/html/bad.inc; }"));
like $said // '', qr{html/bad\.inc:3}, 'in its file, at its line';
no_v('include of a missing file', qr/No such file/,
    "x { include $dir/html/none.inc; }");

# ---- names
no_v('duplicate', qr/duplicate vertical "x"/, 'x { persona_id p1; }',
    'y { persona_id p1; }', 'x { persona_id p2; }');
no_v("name $_", qr/invalid vertical/, "$_ { persona_id p1; }")
    for 'X', 'a.b', 'a/b', '""', '"a b"', "\xc3\xa4", '$x', 'x' x 33;
refused('no name', qr/number of arguments in "tavus_vertical"/, $line,
    v('{ persona_id p1; }'));
refused('two names', qr/number of arguments/, $line, v('x y { persona_id p; }'));
refused('no block', qr/has no opening "\{"/, $line, v('x'));
refused('in a server', qr/"tavus_vertical" directive is not allowed here/,
    $line, server => 'tavus_vertical x { persona_id p1; }');

# ---- what is in it
no_v('empty', qr/vertical "x" has neither "persona_id" nor "replica_id"/,
    'x { }');
no_v('neither persona nor replica', qr/"x" has neither "persona_id"/,
    'x { document_tags a; max_call_duration 60; }');
for my $word (qw(nonsense callback_url Persona_id tavus_limit root server)) {
    no_v("unknown: $word", qr/unknown directive "$word"/,
        "x { persona_id p1; $word x; }");
}
no_v('a block', qr/unexpected|unknown|block|number of arguments/,
    'x { persona_id p1; if { } }');
no_v('not closed', qr/unexpected end of file|expecting "\}"|unexpected/,
    'x { persona_id p1; { }');
for (['persona_id', 'pal_id'], ['replica_id', 'face_id']) {
    my ($old, $new) = @$_;
    for ([$old, $old], [$new, $new], [$old, $new], [$new, $old]) {
        my ($one, $two) = @$_;
        my $other = $two eq $old ? $new : $old;
        no_v("$one and $two",
            qr/duplicate "$two", which "$other" is another name of/,
            "x { $one a; $two a; }");
    }
}
for my $twice ('language en', 'custom_greeting a',
    'conversational_context a', 'document_retrieval_strategy speed',
    'document_tags a', 'memory_stores a', 'visitor_memory on',
    'audio_only off', 'require_auth on', 'max_call_duration 60',
    'participant_absent_timeout 60', 'participant_left_timeout 5')
{
    my ($word) = $twice =~ /^(\w+)/;
    no_v("$word twice", qr/duplicate "$word"/,
        "x { persona_id p1; $twice; $twice; }");
}
for my $word (qw(persona_id replica_id language custom_greeting
    conversational_context document_retrieval_strategy document_tags
    memory_stores visitor_memory audio_only require_auth max_call_duration
    pal_id face_id))
{
    my $with = $word =~ /persona|pal/ ? 'replica_id r' : 'persona_id p';
    no_v("$word without a value", qr/"$word"/, "x { $with; $word; }");
    no_v("$word, empty", qr/"$word"/, "x { $with; $word \"\"; }");
    no_v("$word with two", qr/"$word"/, "x { persona_id p; $word a b; }")
        if $word !~ /^document_tags|memory_stores/;
}
no_v("strategy $_", qr/invalid "document_retrieval_strategy"/,
    "x { persona_id p; document_retrieval_strategy $_; }")
    for qw(fast Speed none);
no_v("language $_", qr/invalid "language"/, "x { persona_id p; language $_; }")
    for qw(xx klingon en_US englis english-US pt-B);
no_v("$_ maybe", qr/invalid "$_" "maybe"/, "x { persona_id p; $_ maybe; }")
    for qw(audio_only require_auth);
no_v("visitor_memory $_", qr/invalid "visitor_memory" "$_", it is off, on or/,
    "x { persona_id p; visitor_memory $_; }") for qw(maybe Consent granted 1);
no_v('33 tags', qr/"document_tags" takes 1 to 32/,
    'x { persona_id p; document_tags ' . join(' ', 1 .. 33) . '; }');
no_v('9 stores', qr/"memory_stores" takes 1 to 8/,
    'x { persona_id p; memory_stores ' . join(' ', 1 .. 9) . '; }');
no_v('a store that is too long', qr/invalid "memory_stores".* 1 to 200 bytes/,
    'x { persona_id p; memory_stores a ' . 'x' x 201 . '; }');
no_v('a control character', qr/invalid "memory_stores"/,
    "x { persona_id p; memory_stores \"a\x01\"; }");
no_v("$_, not UTF-8", qr/"$_"/, "x { replica_id r; $_ \"a\xffb\"; }")
    for qw(persona_id custom_greeting conversational_context document_tags
        memory_stores);

# ---- stores of which names are made for a request
accepted("store $_", v("x { persona_id p; memory_stores a $_; }"))
    for '$ssl_client_fingerprint', '"m_${ssl_client_fingerprint}_x"',
        '$server_name', '$request_id', '$ssl_client_s_dn$server_name',
        '$sent_http_x', '$hostname', '$https', 'x' x 200;
no_v("store $_", qr/"\$[^"]+" in "memory_stores" is for the visitor to say/,
    "x { persona_id p; memory_stores a $_; }")
    for '$arg_member', '$cookie_sid', '$http_x_member', '"m_${arg_x}"',
        '$ARG_member', '$Http_Cookie', '$args', '$query_string', '$uri',
        '$request_uri', '$request_body', '$host', '$remote_user', '$1',
        '"a$9"', '$server_name$arg_x', '$remote_addr', '$binary_remote_addr',
        '$proxy_add_x_forwarded_for', '$content_type', '$uid_got';
no_v("store $_", qr/invalid variable name|bracket in "a" variable/,
    "x { persona_id p; memory_stores $_; }") for '"a$"', '"$-"', '"${a"';
like +($t->nginx_t(v('x { persona_id p; memory_stores $nonesuch; }')))[1],
    qr/unknown "nonesuch" variable/, 'no such variable: nginx says so';

# ---- a visitor's cookie, and who reads along
my %http = (tavus_sandbox => undef, tavus_api_url => 'https://127.0.0.1:1');
refused('a visitor, over http', qr/"visitor_memory" needs a cookie/,
    qr/tavus_vertical y/, http => {%http, tavus_public_origin => 'http://a.b',
        tavus_vertical => ['x { persona_id p; visitor_memory off; }',
            "y { persona_id p; visitor_memory $_; }"]}) for qw(on consent);
accepted('not of one', http => {%http, tavus_public_origin => 'http://a.b',
    tavus_vertical => 'x { persona_id p; visitor_memory off; }'});
accepted('over https', http => {%http, tavus_public_origin => 'https://a.b',
    tavus_vertical => 'x { persona_id p; visitor_memory on; }'});
accepted('in a sandbox', http => {tavus_public_origin => 'http://a.b',
    tavus_vertical => 'x { persona_id p; visitor_memory on; }'});

# ---- durations
my %bounds = (max_call_duration => [30, 86400],
    participant_absent_timeout => [5, 60],
    participant_left_timeout => [0, 10]);
for my $word (sort keys %bounds) {
    my ($min, $max) = $bounds{$word}->@*;
    accepted("$word $_", v("x { persona_id p; $word $_; }")) for $min, $max;
    no_v("$word $_", qr/invalid "$word".*from $min to $max/,
        "x { persona_id p; $word $_; }")
        for $min - 1, $max + 1, '5m', 'x', '1.5', '99999999999999999999',
            '0x20', '"60 "';
}

# ---- what the plan has
sub of_plan { my ($limit, @v) = @_;
    return (http => {tavus_vertical => \@v, tavus_api_call_limit => $limit}) }

warned('longer than the plan allows',
    qr/"max_call_duration" of vertical "x" is 3600 s, but "tavus_api_call_limit" is 900 s, at which Tavus will end its calls/,
    qr/max_call_duration 3600/, of_plan('15m', 'x { persona_id p; '
    . "\nmax_call_duration 3600; }", 'y { persona_id p; }'));
warned('longer by default', qr/vertical "y" is 600 s, but .* is 300 s/,
    qr/tavus_vertical y/, of_plan('300s', 'x { persona_id p; '
    . 'max_call_duration 300; }', 'y { persona_id p; }'));
my $limit = qr/tavus_api_call_limit/;
silent('as long as the plan allows', $limit, of_plan('10m', 'x { persona_id p; }'));
silent('no plan said', $limit, v('x { persona_id p; max_call_duration 86400; }'));

done_testing;
