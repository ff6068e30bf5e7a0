#!/usr/bin/perl

# tavus_webhook_verify: which proofs must be there.  None that is there may be
# invalid.

use lib 't/lib';
use Tavus::Test;

my @MODE = qw(any token signature both);
my $t = Tavus::Test->new(locations => {
    map { ("= /$_" => "tavus_webhook tavus; tavus_webhook_verify $_;") } @MODE
})->start;
my $secret = $t->webhook_secret;
my $other = 'another-secret-0123456789abcdef';

# token, header, member: + valid, - invalid, . absent
my %WANT = (
    #          any token signature both
    '...' => [qw(401 401 401 401)],
    '+..' => [qw(200 200 401 401)],
    '.+.' => [qw(200 401 200 401)],
    '..+' => [qw(200 401 200 401)],
    '++.' => [qw(200 200 200 200)],
    '+.+' => [qw(200 200 200 200)],
    '.++' => [qw(200 401 200 401)],
    '+++' => [qw(200 200 200 200)],
    '-..' => [qw(401 401 401 401)],
    '.-.' => [qw(401 401 401 401)],
    '..-' => [qw(401 401 401 401)],
    '+-.' => [qw(401 401 401 401)],
    '-+.' => [qw(401 401 401 401)],
    '+.-' => [qw(401 401 401 401)],
    '-.+' => [qw(401 401 401 401)],
    '.+-' => [qw(401 401 401 401)],
    '.-+' => [qw(401 401 401 401)],
    '++-' => [qw(401 401 401 401)],
    '+-+' => [qw(401 401 401 401)],
    '-++' => [qw(401 401 401 401)],
);

my $n = 0;
for my $i (0 .. $#MODE) {
    subtest $MODE[$i] => sub {
        for my $what (sort keys %WANT) {
            my ($token, $header, $member) = map {
                {'+' => $secret, '-' => $other}->{$_}
            } split //, $what;

            my $id = 'c' . $n++;
            my $body = tavus_event('system.shutdown', $id);
            $body = sign_in_body($member, $body) if $member;
            my $path = "/$MODE[$i]"
                . ($token ? '?token=' . sign_token($token) : '');

            my $want = $WANT{$what}[$i];
            is $t->post($path, $body, {$header ? sign_header($header, $body)
                : ()})->code, $want, $what;
            is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
                WHERE conversation_id = ?}, {}, $id), $want == 200 ? 1 : 0,
                "$what: stored";
        }
        done_testing;
    };
}

done_testing;
