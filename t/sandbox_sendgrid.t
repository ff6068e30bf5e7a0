#!/usr/bin/perl

# npm

# The sandbox takes what SendGrid's own library sends, refuses what SendGrid
# would, naming the field, and shows mails as text.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(gzip);

use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my %KEY = (Authorization => 'Bearer ' . $s->sendgrid_key);
my $EVIL = q(<img src=x onerror="alert('1')">&amp;);

sub mail (%more) {
    return {
        personalizations => [{to => [{email => 'sales@example.com'}],
            custom_args => {event => 'e1'}}],
        from    => {email => 'no-reply@example.com', name => 'Site'},
        subject => 'New lead',
        content => [{type => 'text/plain', value => 'Ada wrote.'},
            {type => 'text/html', value => '<p>Ada wrote.</p>'}],
        %more,
    };
}

sub post ($mail, %headers) {
    my $bytes = ref $mail ? encode_json($mail) : $mail;
    return $ua->post($s->url . '/v3/mail/send' =>
        {'Content-Type' => 'application/json', %KEY, %headers} => $bytes)
        ->result;
}

sub to (%more) {
    return mail(personalizations => [{to => [{email => 'a@example.com'}],
        %more}]);
}

subtest 'what a key may' => sub {
    my $scopes = sub (%headers) { $ua->get($s->url . '/v3/scopes' =>
        {%headers})->result };
    is_deeply $scopes->(%KEY)->json, {scopes => ['mail.send']};
    is $scopes->(Authorization => 'Bearer SG.x')->code, 401, 'none';
    done_testing;
};

subtest 'its own library' => sub {
    my $library = Tavus::Test::Sender->new('sendgrid');
    my %message = (host => $s->url, key => $s->sendgrid_key, mail => {
        to => 'sales@example.com', replyTo => 'ada@example.org',
        from => {email => 'no-reply@example.com', name => 'Site'},
        subject => 'New lead', text => 'Ada wrote.', html => '<p>Ada wrote.',
        categories => ['lead'],
        trackingSettings => {clickTracking => {enable => false},
            openTracking => {enable => false}}});

    my $answer = $library->ask(\%message);
    is $answer->{status}, 202, 'taken';
    is $answer->{body}, '', 'and nothing said';
    my ($kept) = $s->mails;
    is $answer->{headers}{'x-message-id'}, $kept->{message_id}, 'but an id';
    is $kept->{mail}{subject}, 'New lead';
    is $kept->{mail}{reply_to}{email}, 'ada@example.org';
    is $kept->{times}, 1;
    is +($s->calls('/v3/'))[0]{headers}{authorization}, 'valid',
        'the key is on no record';

    is $library->ask(\%message)->{status}, 202, 'again';
    is $s->received('sendgrid')->{duplicates}, 1, 'is a mail more';

    $message{mail}{subject} = "New\nlead";
    $answer = $library->ask(\%message);
    is $answer->{status}, 400;
    is $answer->{body}{errors}[0]{field}, 'subject', 'with the field';
    $message{key} = 'SG.other';
    is $library->ask(\%message)->{status}, 401, 'with another key';
    is $library->close, 0;
    done_testing;
};

subtest 'what is refused, and by which field' => sub {
    $s->reset;
    my $at = 'personalizations.0';
    my %long = (email => join('.', ('a' x 60) x 6) . '@example.com');
    for (
        ['no list' => 'personalizations', mail(personalizations => [])],
        ['nobody' => "$at.to", mail(personalizations => [{}])],
        ['no address' => "$at.to.0.email", to(to => [{name => 'Ada'}])],
        ['a bad one' => "$at.to.0.email", to(to => [{email => 'ada@'}])],
        ['two in one' => "$at.to.0.email",
            to(to => [{email => 'a@b.example,c@d.example'}])],
        ['a header in one' => "$at.to.0.email",
            to(to => [{email => "a\@b.example\nBcc: c\@d.example"}])],
        ['a long one' => "$at.to.0.email", to(to => [\%long])],
        ['not ASCII' => 'from.email',
            mail(from => {email => "n\x{f6}\@example.com"})],
        ['a name with a comma' => "$at.to.0.name",
            to(to => [{email => 'a@b.example', name => 'a, b'}])],
        ['one twice' => 'personalizations',
            to(cc => [{email => 'A@example.com'}])],
        ['too many' => "$at.bcc", to(bcc => [map { {email => "u$_\@b.example"} }
            0 .. 1000])],
        ['too many in all' => 'personalizations', to(
            (map { my $of = $_; ($of => [map { {email => "$of$_\@b.example"} }
                1 .. 600]) } qw(cc bcc)))],
        ['custom_args above' => 'custom_args', mail(custom_args => {a => '1'})],
        ['no strings' => "$at.custom_args.a", to(custom_args => {a => 1})],
        ['many bytes' => "$at.custom_args",
            to(custom_args => {a => 'x' x 10_000})],
        ['no subject' => 'subject', mail(subject => '')],
        ['a header in it' => 'subject', mail(subject => "a\r\nBcc: b")],
        ['no content' => 'content', mail(content => [])],
        ['an empty one' => 'content.0.value',
            mail(content => [{type => 'text/plain', value => ''}])],
        ['HTML first' => 'content.1', mail(content =>
            [reverse mail()->{content}->@*])],
        ['another first' => 'content.1', mail(content => [
            {type => 'text/calendar', value => 'x'},
            mail()->{content}[1]])],
        ['a reserved header' => 'headers.BCC', mail(headers => {BCC => 'x'})],
        ['a bad header' => 'headers.a b', mail(headers => {'a b' => 'x'})],
        ['eleven categories' => 'categories', mail(categories => [0 .. 10])],
        ['one twice' => 'categories', mail(categories => ['a', 'a'])],
        ['two to reply to' => 'reply_to_list', mail(
            reply_to => {email => 'a@b.example'},
            reply_to_list => [{email => 'a@b.example'}])],
        ['far ahead' => 'send_at', mail(send_at => time + 73 * 3600)],
        ['what nobody knows' => 'tracking', mail(tracking => {})],
        ['deep inside' => 'tracking_settings.click_tracking.on',
            mail(tracking_settings => {click_tracking => {on => true}})],
        ['no boolean' => 'tracking_settings.click_tracking.enable',
            mail(tracking_settings => {click_tracking => {enable => 'no'}})],
        ['no file' => 'attachments.0.content', mail(attachments =>
            [{content => '***', filename => 'a'}])],
        ['no object' => undef, '[]'],
        ['no JSON' => undef, 'subject=x'],
    ) {
        my ($name, $field, $mail) = @$_;
        my $res = post($mail);
        is $res->code, 400, $name;
        is $res->json->{errors}[0]{field}, $field, "$name: the field";
        ok length $res->json->{errors}[0]{message}, "$name: why";
    }
    is post(mail(), 'Content-Type' => 'text/plain')->code, 400, 'its type';
    is $s->received('sendgrid')->{unique}, 0, 'nothing of it is kept';
    ok $s->received('sendgrid')->{refused} > 30, 'but on record';
    done_testing;
};

subtest 'other answers' => sub {
    $s->reset;
    is post(mail(), Authorization => 'Bearer x')->code, 401;
    is post(mail(), Authorization => '')->code, 401, 'no key';
    is $ua->get($s->url . '/v3/mail/send', \%KEY)->result->code, 405;
    is post(gzip(encode_json(mail()) . ' ' x (30 << 20)),
        'Content-Encoding' => 'gzip')->code, 413, 'too large';
    is post(mail(mail_settings => {sandbox_mode => {enable => true}}))->code,
        200, 'for a try';
    is $s->received('sendgrid')->{unique}, 0, 'is no mail';
    is post(gzip(encode_json(mail())), 'Content-Encoding' => 'gzip')->code, 202;
    is post('x', 'Content-Encoding' => 'gzip')->code, 400;

    $s->config(sendgrid_from => 'other@example.com');
    is post(mail())->code, 403, 'a sender that is not verified';

    $s->reset;
    $s->config(sendgrid_limit => 1);
    is post(mail())->headers->header('X-RateLimit-Remaining'), 0;
    my $res = post(mail());
    is $res->code, 429, 'too many';
    is $res->headers->header('X-RateLimit-Limit'), 1;
    ok $res->headers->header('X-RateLimit-Reset') > time, 'until then';

    $s->reset;
    $s->fault(path => '/v3/', kind => 'status', status => 503, after => true,
        times => 1);
    is post(mail())->code, 503, 'a fault of its own';
    is scalar $s->mails, 1, 'behind which the mail is sent';
    $s->fault(path => '/v3/', kind => 'cut', bytes => 0, times => 1);
    ok !eval { post(mail()) }, 'or none';
    is +($s->mails)[0]{times}, 1;
    done_testing;
};

subtest 'the pages' => sub {
    $s->reset;
    is post(mail(subject => $EVIL, reply_to => {email => 'ada@example.org',
        name => $EVIL =~ s/;//gr}, content => [map {
            {type => "text/$_", value => "$_ $EVIL \x{263a}"}
        } qw(plain html)]))->code, 202;
    my $res = $ua->get($s->url . '/_mails')->result;
    like $res->headers->header('Content-Security-Policy'),
        qr/default-src 'none'; style-src 'self'/;
    my $dom = $res->dom;
    is $dom->at('h2')->text, $EVIL, 'what about';
    is_deeply [$dom->find('pre')->map('text')->each],
        [map { "$_ $EVIL \x{263a}" } qw(plain html)], 'and what';
    like $dom->at('table')->all_text, qr/Reply-To\s*\Q<img\E/;
    is $dom->find('img, script, style, [onerror], [style]')->size, 0,
        'nothing of it is more than text';
    is_deeply [$dom->find('[href], [src]')->map(attr => 'href')->each],
        ['/received.css', '/_received'], 'and nothing comes from elsewhere';
    like $ua->get($s->url . '/_received')->result->dom
        ->find('section')->last->at('tbody td:nth-child(3)')->text,
        qr/sales\@example\.com/, 'on the page of all';

    post(mail(subject => "mail $_")) for 1 .. 105;
    is $ua->get($s->url . '/_mails')->result->dom->find('article')->size, 100,
        'no more than a page holds';
    is scalar(grep { $_->{path} !~ m{^/v3/} } $s->calls), 0,
        'who looks is no caller';
    done_testing;
};

done_testing;
