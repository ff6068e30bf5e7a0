#!/usr/bin/perl

# memcheck

# The contact form: stored before the answer, whole; what is wrong with it is
# said field by field, and not stored.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(encode);

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $path = '/api/contact';
my %form = (name => 'Ann Example', email => 'ann@example.com',
    message => 'I would like to know more.');

sub stored {
    return $t->db->selectall_arrayref(q{SELECT source, kind, conversation_id,
        convert_from(body, 'UTF8') AS body FROM tavus.events
        WHERE event_type = 'contact.submitted' ORDER BY id DESC},
        {Slice => {}})->@*;
}

sub received {
    my ($form, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $n = () = stored();
    my $res = $t->post($path, $form);
    is_deeply [$res->code, $res->json], [200, {received => Mojo::JSON->true}],
        $name or diag $res->to_string;
    my @rows = stored();
    is scalar @rows, $n + 1, 'is there when the answer is';
    is_deeply decode_json(encode('UTF-8', $rows[0]{body})), $form, 'as it came';
    return $rows[0];
}

my $row = received({%form}, 'the least');
is_deeply [$row->@{qw(source kind conversation_id)}], ['browser', 3, undef];
received({%form, phone => '+1 555 0100', company => 'Example Ltd.'}, 'all');
received({%form, phone => '', company => ''}, 'with empty ones');
received({%form, name => 'Łé', message => "Zwölf\nZeilen\r\n\tund ‘mehr’"},
    'in any letters');
received({%form, name => 'é' x 200, message => '語' x 5000}, 'the longest');
received({%form, email => $_}, $_) for 'a@b.co', 'ann+news@mail.example.com',
    "o'hara\@example.com", 'a.b@ex-ample.com', 'x' x 64 . '@example.com';

received({%form, session_id => 's' x 128, user_id => 'u1', utm_source => 'ad',
    utm_medium => 'é' x 100, utm_campaign => '', consent => $_}, "who, and $_")
    for qw(granted denied);

received({%form, conversation_id => 'c1'}, 'of a conversation');

my $count = () = stored();

sub issues {
    my ($form, @fields) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->post($path, $form, {'Content-Type' => 'application/json'});
    my $json = $res->json // {};
    is_deeply [$res->code, $json->{code},
        map { $_->{field} } ($json->{issues} // [])->@*],
        [400, 'invalid_contact', @fields],
        ref $form ? encode_json($form) =~ s/^(.{60}).*/$1…/sr : $form
        or diag $res->to_string;
}

issues({}, qw(name email message));
issues({%form, $_ => undef}, $_) for sort keys %form;
issues({%form, $_ => 1}, $_) for sort keys %form, qw(phone company);
issues({%form, $_ => ['x' x 20]}, $_) for sort keys %form;
issues({%form, name => $_}, 'name')
    for '', 'a', 'é', '  ', " a ", 'x' x 201, 'é' x 201, "Ann\nBcc: x",
        "Ann\rx", "a\tb", "a\x7fb", ' ' x 300 . 'Ann';
issues({%form, message => $_}, 'message')
    for '', 'too short', ' ' x 20, "\n" x 20, 'x' x 5001, "0123456789\x01";
issues({%form, phone => $_}, 'phone') for '0' x 41, "1\n2";
issues({%form, company => $_}, 'company') for 'x' x 201, "a\r\nb";
issues({%form, $_ => 'é' x 65}, $_) for qw(session_id user_id
    conversation_id);
issues({%form, $_ => 'x' x 201}, $_), issues({%form, $_ => 1}, $_),
    issues({%form, $_ => "a\n"}, $_) for qw(utm_source utm_medium utm_campaign);
issues({%form, consent => $_}, 'consent')
    for undef, '', 'yes', 'GRANTED', 1, ['granted'];
issues({%form, email => $_}, 'email')
    for '', 'ann', 'ann@', '@example.com', 'ann@example', 'ann@example.',
        'ann@.com', 'ann@example..com', 'ann.@example.com', '.ann@example.com',
        'a..b@example.com', 'ann@ex@ample.com', 'ann @example.com',
        "ann\@example.com\n", "ann\@example.com\r\nBcc: b\@example.com",
        'ann@example.com,bob@example.com', '<ann@example.com>',
        '"ann"@example.com', 'änn@example.com', 'x' x 65 . '@example.com',
        'a@' . 'x' x 250 . '.com';
issues({%form, name => '', email => 'x', phone => '0' x 41},
    qw(name email phone));
issues({%form, x => 1}, undef);
issues({%form, Name => 'x'}, undef);

for my $bad (['empty', ''], ['a list', '[]'], ['open', '{"name":'],
    ['NUL', '{"name":"a\u0000b"}'], ['not UTF-8', qq({"name":"\xff"})],
    ['a name twice', '{"name":"Ann","name":"Bob","email":"ann@example.com",'
        . '"message":"I would like to know more."}'])
{
    my $res = $t->post($path, $bad->[1],
        {'Content-Type' => 'application/json'});
    is_deeply [$res->code, $res->json->{code}], [400, 'invalid_json'],
        $bad->[0];
}
for my $type ('text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data', 'application/jsonx', undef)
{
    my $res = $t->post($path, encode_json(\%form),
        {$type ? ('Content-Type' => $type) : ()});
    is_deeply [$res->code, $res->json->{code}],
        [415, 'unsupported_media_type'], $type // 'no type';
}
my $res = $t->post($path, ' ' x 65537, {'Content-Type' => 'application/json'});
is_deeply [$res->code, $res->json->{code}], [413, 'body_too_large'], '64 KiB';
$res = $t->get($path);
is $res->code, 405, 'GET';
is $res->headers->header('Allow'), 'POST';

is scalar(() = stored()), $count, 'none of these is stored';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;
unlike $t->error_log, qr/ann\@example/i, 'nobody is named in the log';

done_testing;
