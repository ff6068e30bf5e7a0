#!/usr/bin/perl

# memcheck

# tavus_webhook standard: Standard Webhooks 1.0.0, symmetric signatures.

use lib 't/lib';
use Tavus::Test;
use MIME::Base64 qw(encode_base64);

my @SECRET = map { 'whsec_' . encode_base64($_ x 32, '') } 'a', 'b', 'c';

my $t = Tavus::Test->new;
my @file = map { $t->secret("standard$_", $SECRET[$_]) } 0 .. 2;
$t->configure(locations => {
    '= /hook' => "tavus_webhook standard; tavus_webhook_secret "
        . "file:$file[0] id=new; tavus_webhook_secret file:$file[1] id=old;",
    '= /strict' => "tavus_webhook standard; tavus_webhook_tolerance 20s; "
        . "tavus_webhook_secret file:$file[0] id=new;",
});
$t->start;

my $n = 0;
sub event { return qq({"type":"lead.created","data":{"n":@{[++$n]}}}) }
sub id    { return "msg_$n" }

sub code ($body, %headers) { return $t->post('/hook', $body, \%headers)->code }

sub count ($table = 'events') {
    return $t->db->selectrow_array("SELECT count(*) FROM tavus.$table");
}

sub refused ($name, $body, %headers) {
    my ($before, $quarantined) = (count(), count('quarantine'));
    is code($body, %headers), 401, $name;
    is count(), $before, "$name: not stored";
    is count('quarantine'), $quarantined, "$name: nor quarantined";
}

subtest 'good' => sub {
    my $body = event();
    my %sent = sign_standard($SECRET[0], id(), $body);
    is code($body, %sent), 200;
    my $row = $t->db->selectrow_hashref(q{SELECT source, event_type,
        verification, conversation_id, convert_from(body, 'UTF8') AS body
        FROM tavus.events});
    is_deeply $row, {
        source => 'standard', event_type => 'lead.created',
        verification => '{"method":"standard","key_id":"new",' . join(',',
            map { qq("$_":"$sent{"webhook-$_"}") } qw(id timestamp signature)) . '}',
        conversation_id => undef, body => $body,
    };

    $body = event();
    is code($body, sign_standard($SECRET[1], id(), $body)), 200,
        'the second secret';
    is count(), 2;
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE verification::json->>'key_id' = 'old'}), 1;
    done_testing;
};

# the example of the specification's own libraries, in its time or not
subtest 'several signatures' => sub {
    my $sign = sub ($change) {
        my $body = event();
        my %h = sign_standard($SECRET[0], id(), $body);
        local $_ = $h{'webhook-signature'};
        $h{'webhook-signature'} = $change->();
        return ($body, %h);
    };
    my $wrong = 'v1,' . encode_base64("\0" x 32, '');
    my $v1a = 'v1a,' . encode_base64("\0" x 64, '');

    is code($sign->(sub { "$wrong $_" })), 200, 'the last is right';
    is code($sign->(sub { "$_ $wrong" })), 200, 'the first is right';
    is code($sign->(sub { "$v1a $_ v2,xyz" })), 200, 'others are ignored';
    is code($sign->(sub { join ' ', ($wrong) x 15, $_ })), 200, 'the 16th';

    refused('the same as v1a', $sign->(sub { s/v1,/v1a,/r }));
    refused('v1a alone', $sign->(sub { $v1a }));
    refused('with commas', $sign->(sub { "$wrong,$_" }));
    refused('without a version', $sign->(sub { s/v1,//r }));
    refused('wrong', $sign->(sub { $wrong }));
    refused('cut', $sign->(sub { substr $_, 0, -1 }));
    refused('not base64', $sign->(sub { s/.=\z/!=/r }));
    refused('the last bits set', $sign->(sub {
        s/(.)=\z/chr(ord($1) + 1) . '='/er }));
    refused('empty', $sign->(sub { '' }));
    done_testing;
};

subtest 'refused' => sub {
    my $body = event();
    my %h = sign_standard($SECRET[0], id(), $body);
    for my $name (sort keys %h) {
        my %less = %h;
        delete $less{$name};
        refused("without $name", $body, %less);
        refused("empty $name", $body, %h, $name => '');
    }
    refused('another id', $body, %h, 'webhook-id' => 'msg_0');
    refused('another time', $body, %h,
        'webhook-timestamp' => $h{'webhook-timestamp'} + 1);
    refused('another body', "$body ", %h);
    refused('another secret', $body, sign_standard($SECRET[2], id(), $body));
    refused('a time that is none', $body,
        sign_standard($SECRET[0], id(), $body, 'now'));
    refused('a negative time', $body,
        sign_standard($SECRET[0], id(), $body, -1));
    refused('a time with a fraction', $body,
        sign_standard($SECRET[0], id(), $body, time . '.5'));

    # msg.1 + time could be msg + 1.time
    refused('a dot in the id', $body,
        sign_standard($SECRET[0], 'msg.1', $body));
    refused('the text as the key', $body, sign_standard(
        'whsec_' . encode_base64($SECRET[0], ''), id(), $body));
    refused('the form of Tavus', $body, sign_header('a' x 32, $body));
    is code($body, %h), 200, 'and yet it was good';
    done_testing;
};

# Svix's own names for the three headers.  A set is whole, and two agree.
sub svix (%h) { return map { s/^webhook/svix/r => $h{$_} } keys %h }

subtest 'the names of Svix' => sub {
    my $before = count();
    my $body = event();
    my %h = sign_standard($SECRET[0], id(), $body);
    is code($body, svix(%h)), 200, 'alone';
    is code($body, svix(%h), %h), 200, 'beside the others';
    is code($body, %h), 200, 'redelivered by the others';
    is count(), $before + 1, 'one event';

    for my $name (sort keys %h) {
        my $other = $name =~ s/^webhook/svix/r;
        my %mixed = (%h, $other => $h{$name});
        is code($body, %mixed), 200, "$other besides, the same";
        delete $mixed{$name};
        refused("$other instead", $body, %mixed);
        refused("$other besides, another", $body, %h, $other => 'msg_0');
        refused("$other besides, empty", $body, %h, $other => '');
        refused("$other twice", $body, svix(%h), $other => [($h{$name}) x 2]);
        my %less = svix(%h);
        delete $less{$other};
        refused("without $other", $body, %less);
        refused("$other of another event", $body, svix(%h),
            $other => {svix(sign_standard($SECRET[0], 'msg_x', "$body ",
                time - 60))}->{$other});
    }

    # the good set of one event beside that of another, which is good too
    my %two = sign_standard($SECRET[0], 'msg_two', $body);
    refused('two events', $body, %two, svix(%h));
    refused('signed by nobody', $body,
        svix(sign_standard($SECRET[2], id(), $body)));
    refused('expired', $body,
        svix(sign_standard($SECRET[0], id(), $body, time - 1000)));
    is count(), $before + 1, 'still one event';
    done_testing;
};

subtest 'its own time' => sub {
    my $at = time - 7200;
    for my $members (qq("timestamp":$at), qq("created_at":$at),
        qq("timestamp":${at}123), qq("timestamp":"$at.5","created_at":1))
    {
        my $body = event() =~ s/\}\z/,$members}/r;
        is code($body, sign_standard($SECRET[0], id(), $body)), 200;
        is $t->db->selectrow_array(q{SELECT
            floor(extract(epoch FROM tavus.uuid_time(id)))::bigint
            FROM tavus.events WHERE body = convert_to(?, 'UTF8')}, {}, $body),
            $at, $members;
    }
    done_testing;
};

subtest 'tolerance' => sub {
    my $try = sub ($path, $skew) {
        my $body = event();
        my $res = $t->post($path, $body, {
            sign_standard($SECRET[0], id(), $body, time + $skew)});
        return $res->code == 401 ? $res->json->{code} : $res->code;
    };
    is $try->('/hook', $_), 200, "$_ s" for -280, 280;
    is $try->('/hook', $_), 'expired_signature', "$_ s" for -320, 320, -1e6;
    is $try->('/strict', $_), 200, "$_ s of 20" for -10, 10;
    is $try->('/strict', $_), 'expired_signature', "$_ s of 20" for -30, 40;

    # who has no key learns nothing about the clock
    my $body = event();
    my $res = $t->post('/hook', $body,
        {sign_standard($SECRET[2], id(), $body, 1)});
    is $res->json->{code}, 'invalid_signature';
    done_testing;
};

subtest 'redelivered' => sub {
    my $body = event();
    my $before = count();
    is code($body, sign_standard($SECRET[0], id(), $body, time + $_)), 200,
        "at $_ s" for 0, 5, 60;
    is code($body, sign_standard($SECRET[1], id(), $body)), 200,
        'signed by the other secret';
    is count(), $before + 1, 'stored once';

    is code($body, sign_standard($SECRET[0], id() . 'x', $body)), 200;
    is count(), $before + 2, 'another id is another event';

    # the same with a time of its own
    $body = '{"type":"a.b","timestamp":"' . now_iso(-3600) . '"}';
    is code($body, sign_standard($SECRET[0], 'msg_own', $body, time + $_)),
        200 for 0, 5;
    is count(), $before + 3;

    is count('quarantine'), 0;
    done_testing;
};

subtest 'the same id' => sub {
    my $before = count();
    my $at = now_iso();
    my $body = qq({"type":"a.b","timestamp":"$at","n":%d});
    for (1, 2) {
        my $bytes = sprintf $body, $_;
        is code($bytes, sign_standard($SECRET[0], 'msg_same', $bytes)), 200;
    }
    is count(), $before + 1;
    is $t->db->selectrow_array(q{SELECT convert_from(body, 'UTF8')
        FROM tavus.quarantine WHERE reason = 'conflict'}), sprintf($body, 2),
        'another body is quarantined';

    my $other = sprintf $body =~ s/a\.b/c.d/r, 3;
    is code($other, sign_standard($SECRET[0], 'msg_same', $other)), 200;
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.quarantine
        WHERE convert_from(body, 'UTF8') = ?}, {}, $other), 1,
        'and one of another type, too';
    done_testing;
};

subtest 'unfit' => sub {
    my $body = '{"type":7}';
    is code($body, sign_standard($SECRET[0], 'msg_unfit', $body)), 200;
    is $t->db->selectrow_array(q{SELECT reason FROM tavus.quarantine
        WHERE source = 'standard' AND convert_from(body, 'UTF8') = ?}, {},
        $body), 'unfit_event_type';

    is code('', sign_standard($SECRET[0], 'msg_empty', '')), 200;
    is $t->db->selectrow_array(q{SELECT reason FROM tavus.quarantine
        WHERE source = 'standard' AND body = ''}), 'empty';
    done_testing;
};

done_testing;
