#!/usr/bin/perl

# memcheck

# A private room is entered with a token that the visitor's page gets, and
# that is nowhere else.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(true);

my $t = Tavus::Test->new(log_level => 'debug', http => {
    tavus_journal => '%%DIR%%/journal',
    tavus_vertical => [
        'general { persona_id p01; require_auth on; }',
        'legal { persona_id p02; require_auth off; }',
        'healthcare { persona_id p03; }',
    ],
})->start;
my ($box, $db) = ($t->sandbox, $t->db);

my @tokens;

# Every text of the database, and each file of the journal, in any form that
# one may have in there.
sub kept {
    my (@texts) = @_;
    my @found;
    my $tables = $db->selectcol_arrayref(q{
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace = 'tavus'::regnamespace
           AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         ORDER BY 1});
    cmp_ok scalar(@$tables), '>', 5, 'tables are found';
    for my $token (@texts) {
        for my $table (@$tables) {
            push @found, $table if $db->selectrow_array(
                "SELECT count(*) FROM $table t WHERE t::text LIKE ? OR "
                . 't::text LIKE ?', undef, "%$token%",
                '%' . unpack('H*', $token) . '%');
        }
    }
    return @found;
}

sub journaled {
    my @files = grep { -f } glob $t->dir . '/journal/*';
    my $bytes = join '', map {
        open my $fh, '<:raw', $_ or die "$_: $!";
        local $/;
        <$fh> // '';
    } @files;
    return $bytes;
}

sub private {
    my (%more) = @_;
    $box->forget if $box->pid;
    my $res = $t->create(%more);
    is $res->code, 200 or diag $res->body;
    my $token = $res->json->{meeting_token};
    push @tokens, $token if length($token // '');
    return $res;
}

subtest 'asked for' => sub {
    my $res = private();
    my ($call) = $box->calls('/v2/');
    is_deeply $call->{body}{require_auth}, true;
    my $got = $res->json;
    is_deeply [sort keys %$got], [qw(conversation_id conversation_url
        end_token max_call_duration meeting_token status)];
    is $res->headers->cache_control, 'no-store';

    is $t->ua->get($got->{conversation_url})->result->code, 403,
        'the room is closed';
    is $t->ua->get("$got->{conversation_url}?t=$got->{meeting_token}")
        ->result->code, 200, 'and opened by the token';

    is $t->post('/api/tavus/end-conversation', {conversation_id =>
        $got->{conversation_id}, end_token => $got->{end_token}})->code, 200;
    done_testing;
};

subtest 'not asked for' => sub {
    for my $vertical (qw(legal healthcare)) {
        my $res = private(vertical => $vertical);
        ok !exists $res->json->{meeting_token};
        my ($call) = $box->calls('/v2/');
        ok !exists $call->{body}{require_auth}, $vertical;
    }
    push @tokens, 'token-that-nobody-asked-for';
    $box->fault(path => '/v2/conversations', kind => 'status', status => 200,
        times => 1, body => {conversation_id => 'c-open', status => 'active',
            conversation_url => 'https://tavus.example/c-open',
            meeting_token => $tokens[-1]});
    ok !exists private(vertical => 'legal')->json->{meeting_token},
        'and given all the same';
    done_testing;
};

my $n = 0;

sub answer {
    my (%with) = @_;
    my $id = 'c-' . ++$n;
    $box->fault(path => '/v2/conversations', kind => 'status', status => 200,
        times => 1, body => {conversation_id => $id, status => 'active',
            conversation_url => "https://tavus.example/$id", %with});
    return $id;
}

subtest 'an address that tells it' => sub {
    my $token = 'eyJ0.in-the-address.x';
    my $id = answer(meeting_token => $token,
        conversation_url => "https://tavus.example/r?t=$token");
    my $got = private()->json;
    is $got->{conversation_url}, 'https://tavus.example/r', 'without it';
    is $got->{meeting_token}, $token;
    is $t->admin("/api/admin/conversations/$id")->json->{url},
        'https://tavus.example/r', 'nor is it kept';
    done_testing;
};

# A token that cannot be given to a visitor.
sub unusable {
    my ($name, %with) = @_;
    subtest $name => sub {
        $box->forget;
        my $id = answer(%with);
        my $res = $t->create;
        is $res->code, 502;
        is $res->json->{code}, 'upstream_error';
        wait_ok {
            grep { $_->{path} eq "/v2/conversations/$id/end" }
                $box->calls('/v2/')
        } 'ended at Tavus';
        wait_ok {
            $db->selectrow_array(q{SELECT count(*) FROM tavus.events
                WHERE event_type = 'conversation.ended'
                  AND conversation_id = ?}, undef, $id)
        } 'and recorded so';
        is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
            WHERE event_type = 'conversation.created'
              AND conversation_id = ?}, undef, $id), 0;
        done_testing;
    };
}
unusable('no token');
unusable("as a token: $_->[0]", meeting_token => $_->[1]) for
    ['null', undef], ['empty', ''], ['a number', 1], ['a list', ['x']],
    ['a blank', 'a b'], ['a line', "a\n"], ['another letter', "\x{e4}"],
    ['too long', 'x' x 4097];
push @tokens, 'in-the-path';
unusable('in the path', meeting_token => 'in-the-path',
    conversation_url => 'https://tavus.example/in-the-path/r?x');

# ---- where it is not
my @read = map { $t->admin($_)->to_string } '/api/admin/events',
    '/api/admin/conversations', '/metrics';
is_deeply [kept('https://tavus.example/c-open')], ['tavus.conversations',
    'tavus.events'], 'what is kept is found';
is_deeply [kept(@tokens)], [], 'the database has no token';

$t->pg->stop;
my $id = private()->json->{conversation_id};
like journaled(), qr/\Q$id\E/, 'without a database: the journal';
for my $token (@tokens) {
    unlike journaled(), qr/\Q$token\E/, 'has none';
    unlike $t->error_log, qr/\Q$token\E/, 'nor has the log';
    ok !grep({ /\Q$token\E/ } $t->access_log, @read), 'nor what is read';
}
like $t->error_log, qr/\[debug\]/, 'which says much';

$t->pg->start;
$db = $t->db;
wait_ok {
    $db->selectrow_array(q{SELECT count(*) FROM tavus.conversations
        WHERE announced_id IS NOT NULL}) == 6
} 'it is replayed', 30;
is_deeply [kept(@tokens)], [], 'and the database has none';

done_testing;
