#!/usr/bin/perl

# memcheck

# An authentic webhook is never refused for its content: what cannot be stored
# as an event is answered 200 and kept raw, with the reason.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_decode);

# the largest of these are to be in PostgreSQL in this time
my $t = Tavus::Test->new(http => {tavus_store_timeout => '20s'})->start;
my $n = 0;

sub count ($table) {
    return $t->db->selectrow_array("SELECT count(*) FROM tavus.$table");
}

# Sends it twice; what it became: the reason, or 'event TYPE CONVERSATION'.
sub fate ($bytes) {
    my ($events, $quarantine) = map { count($_) } qw(events quarantine);
    my $code = join ' ', map { $t->webhook($bytes)->code } 1, 2;
    return "answered $code" if $code ne '200 200';

    $events = count('events') - $events;
    $quarantine = count('quarantine') - $quarantine;
    return "$events events and $quarantine in quarantine"
        if $events + $quarantine != 1;

    my ($id, $body, @what) = $t->db->selectrow_array($events
        ? q{SELECT id, body, 'event', event_type,
                   coalesce(conversation_id, '-') FROM tavus.events
             ORDER BY received_at DESC, id DESC LIMIT 1}
        : q{SELECT id, body, reason FROM tavus.quarantine
             ORDER BY seq DESC LIMIT 1});
    return 'other bytes' if $body ne $bytes;
    return join ' ', @what;
}

# A valid event with this as one more member, or in place of a member.
sub with ($member) {
    $n++;
    return tavus_event("x.$n", "c$n") =~ s/\}\z/,$member}/r;
}

sub as ($name, $value) {
    return tavus_event('x.y', 'c' . ++$n) =~ s/("$name":)"[^"]*"/$1$value/r;
}

subtest 'not JSON' => sub {
    my %bad = (
        'nothing'              => ['', 'empty'],
        'blanks'               => [" \r\n\t ", 'empty'],
        'a word'               => ['hello', 'syntax'],
        'a form'               => ['event_type=x', 'syntax'],
        'cut'                  => ['{"event_type":"x"', 'unexpected_end'],
        'a comma too many'     => ['{"event_type":"x",}', 'syntax'],
        'single quotes'        => [q({'event_type':'x'}), 'syntax'],
        'a comment'            => ['{"event_type":"x"/**/}', 'syntax'],
        'a leading zero'       => [with('"x":01'), 'syntax'],
        'a plus'               => [with('"x":+1'), 'syntax'],
        'NaN'                  => [with('"x":NaN'), 'syntax'],
        'a raw newline'        => [with(qq("x":"a\nb")), 'control_character'],
        'a raw NUL'            => [with(qq("x":"a\0b")), 'control_character'],
        'a NUL at the end'     => [with('"x":1') . "\0", 'trailing_bytes'],
        'a bad escape'         => [with('"x":"\x41"'), 'invalid_escape'],
        'a bad \u'             => [with('"x":"\u00g0"'), 'invalid_escape'],
        'a byte order mark'    => ["\xef\xbb\xbf" . with('"x":1'), 'syntax'],
        'UTF-16'               => [join('', map { "$_\0" } split //,
            with('"x":1')), 'syntax'],
        'gzip'                 => ["\x1f\x8b\x08\0\0\0\0\0\0\3", 'syntax'],
        'two values'           => ['{}{}', 'trailing_bytes'],
        'Latin-1'              => [with(qq("x":"\xe9")), 'invalid_utf8'],
        'an overlong byte'     => [with(qq("x":"\xc0\xaf")), 'invalid_utf8'],
        'a raw surrogate'      => [with(qq("x":"\xed\xa0\x80")),
            'invalid_utf8'],
        'beyond Unicode'       => [with(qq("x":"\xf4\x90\x80\x80")),
            'invalid_utf8'],
        'cut UTF-8'            => [with(qq("x":"\xe2\x82")), 'invalid_utf8'],
        '65 levels'            => [with('"x":' . '[' x 64 . ']' x 64),
            'too_deep'],
        '10,000 levels'        => [with('"x":' . '[' x 10_000 . ']' x 10_000),
            'too_deep'],
        '10,000 objects'       => ['{"a":' x 10_000 . '1' . '}' x 10_000,
            'too_deep'],
        '4 million brackets'   => ['[' x 4_000_000, 'too_deep'],
    );
    is fate($bad{$_}[0]), $bad{$_}[1], $_ for sort keys %bad;
    done_testing;
};

subtest 'JSON, but not for jsonb' => sub {
    my %bad = (
        'a NUL'             => [with('"x":"\u0000"'), 'nul_character'],
        'a NUL in a name'   => [with('"a\u0000":1'), 'nul_character'],
        'a high surrogate'  => [with('"x":"\ud800"'), 'lone_surrogate'],
        'a low surrogate'   => [with('"x":"\udc00\ud800"'), 'lone_surrogate'],
        'two high ones'     => [with('"x":"\ud83d\ud83d"'), 'lone_surrogate'],
        '1e400000'          => [with('"x":1e400000'), 'number_out_of_range'],
        '1e-400000'         => [with('"x":1e-400000'), 'number_out_of_range'],
        'a huge exponent'   => [with('"x":1e' . '9' x 30),
            'number_out_of_range'],
        'many digits'       => [with('"x":' . '9' x 140_000),
            'number_out_of_range'],
        'as event_type'     => [as(event_type => '"\u0000"'), 'nul_character'],
        'as conversation'   => [as(conversation_id => '"\ud800"'),
            'lone_surrogate'],
        'without a name'    => ['{"document_id":"d1","x":"\u0000"}',
            'nul_character'],
        'in a shutdown'     => [tavus_event('system.shutdown', 'c-nul')
            =~ s/\}\z/,"x":"\\u0000"}/r, 'nul_character'],
    );
    is fate($bad{$_}[0]), $bad{$_}[1], $_ for sort keys %bad;

    # what is quarantined changes no conversation
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.conversations
        WHERE id = 'c-nul'}), 0;
    done_testing;
};

subtest 'names' => sub {
    my $long = 'y' x 200;
    is fate(as(event_type => qq("$long"))), "event $long c$n", '200 bytes';
    is fate(as(event_type => qq("${long}z"))), 'unfit_event_type',
        '201 bytes';
    is fate(as(event_type => '"' . '\u00e9' x 100 . '"')),
        'event ' . "\xe9" x 100 . " c$n", '200 bytes of UTF-8, escaped';
    is fate(as(event_type => '"' . '\u00e9' x 101 . '"')),
        'unfit_event_type', '202 bytes';
    is fate(as(event_type => '"' . 'y' x 100_000 . '"')), 'unfit_event_type',
        '100 KB';
    is fate(as(event_type => $_)), 'unfit_event_type', "a type that is $_"
        for 7, 'null', 'true', '[]', '{"a":"b"}', '""';

    is fate(as(conversation_id => '"' . 'c' x 200 . '"')),
        'event x.y ' . 'c' x 200;
    is fate(as(conversation_id => '"' . 'c' x 201 . '"')),
        'unfit_conversation_id', 'a conversation of 201 bytes';
    is fate(as(conversation_id => $_)), 'unfit_conversation_id',
        "a conversation that is $_" for 7, '{}', '""';

    is fate(as(event_type => '"a\nb\"\\\\\u007f\ud83d\ude00"')),
        "event a\nb\"\\\x7f\x{1f600} c$n", 'anything else is a name';
    done_testing;
};

subtest 'unusual, but events' => sub {
    is fate(tavus_event('system.new_thing', 'c-new')),
        'event system.new_thing c-new', 'an unknown type';
    is fate(tavus_event('conversation.created', 'c-new')),
        'event conversation.created c-new', 'a name of our own';
    is fate('{}'), 'event unknown -', 'no member';
    is fate('{"event_type":"x.only"}'), 'event x.only -';
    is fate('{"conversation_id":"c-only"}'), 'event unknown c-only';
    is fate('{"replica_id":"r1"}'), 'event unknown -', 'no envelope';
    is fate('{"replica_id":"r1","status":"ready"}'), 'event replica.ready -',
        'no envelope, but known';
    is fate('{"event_type":"x.doc","document_id":"d1","status":"ready"}'),
        'event x.doc -', 'a name of its own counts';
    is fate($_), 'event unknown -', "only $_"
        for '[]', '[{"event_type":"x"}]', '"event_type"', '7', '-1.5e3',
            'true', 'null';
    is fate('{"event_type":"x.a","event_type":"x.b"}'), 'event x.a -',
        'a name twice';
    is fate('{"event_type":"x.c","event_type":7}'), 'event x.c -';
    is fate(with('"x":1,"x":1')), "event x.$n c$n";
    is fate('{"event_typ\u0065":"x.esc"}'), 'event x.esc -',
        'an escaped name';
    is fate('{"a":{"event_type":"x"}}'), 'event unknown -', 'nested';
    is fate(with('"x":' . '[' x 63 . ']' x 63)), "event x.$n c$n",
        '64 levels';
    is fate(with('"x":1e1000')), "event x.$n c$n", '1e1000';
    is fate(with('"x":"\ud83d\ude00"')), "event x.$n c$n", 'a pair';
    is fate(with('"x":null')), "event x.$n c$n";
    is fate(" \n" . with('"x":1') . "\r\n"), "event x.$n c$n", 'blanks';
    is fate(tavus_event('system.shutdown', 'c-odd', 7)),
        'event system.shutdown c-odd', 'properties that are none';
    is fate(tavus_event('application.transcription_ready', 'c-odd',
        {transcript => {a => 1}})),
        'event application.transcription_ready c-odd';

    # an injection stays text
    my $evil = "c'); DROP TABLE tavus.events; --";
    is fate(tavus_event("x'y", $evil)), "event x'y $evil";
    done_testing;
};

# neighbours of a bad one in the same batch are unharmed
subtest 'side by side' => sub {
    my $before = count('quarantine');
    my @all = map { my $i = $_; map {
        $t->ua->post_p($t->url('/api/tavus/webhook'),
            {sign_header($t->webhook_secret, $_)}, $_)
    } tavus_event('x.good', "c-side-$i"),
      tavus_event("x\0bad$i", 'c-side') } 1 .. 30;
    my %code;
    Mojo::Promise->all(@all)->then(sub (@got) {
        $code{$_->[0]->res->code}++ for @got;
    })->wait;
    is_deeply \%code, {200 => 60};
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'x.good'}), 30;
    is count('quarantine'), $before + 30;
    done_testing;
};

subtest 'the admin sees it' => sub {
    my $bytes = "\xff\0 not JSON \x80";
    $t->webhook($bytes);
    my ($id) = $t->db->selectrow_array(
        'SELECT id FROM tavus.quarantine ORDER BY seq DESC LIMIT 1');
    my $res = $t->admin("/api/admin/events/$id");
    is $res->code, 200;
    is b64_decode($res->json->{raw}), $bytes;
    is $res->json->{quarantine}{reason}, 'syntax';
    is $res->json->{verification}{key_id}, 'k1';
    done_testing;
};

done_testing;
