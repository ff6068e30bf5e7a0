package Sandbox::Received;

# Pages that show what came at each destination, and mails, newest first.

use Mojo::Base -base, -signatures;

use Mojo::JSON qw(to_json);
use POSIX qw(strftime);

# of each destination, or more than a browser likes
use constant MOST => 100;

has sandbox => undef, weak => 1;

my $POLICY = "default-src 'none'; style-src 'self'";

my %TITLE = (posthog => 'PostHog', ga4 => 'Google Analytics 4',
    hooks => 'Webhooks', stripe => 'Stripe', sendgrid => 'SendGrid');

sub mount ($self, $r) {
    $r->get('/')->to(cb => sub ($c) { $c->redirect_to('/_received') });
    $r->get('/_received')->to(cb => sub ($c) {
        $c->res->headers->header('Content-Security-Policy' => $POLICY);
        $c->res->headers->header('Refresh' => 5);
        $c->render(template => 'received', shown =>
            [map { shown($_) } $self->sandbox->destinations->@*]);
    });
    $r->get('/_mails')->to(cb => sub ($c) {
        my ($sendgrid) = grep { $_->name eq 'sendgrid' }
            $self->sandbox->destinations->@*;
        my @mails = reverse sort { $a->{last_at} <=> $b->{last_at} }
            $sendgrid->mails;
        $c->res->headers->header('Content-Security-Policy' => $POLICY);
        $c->render(template => 'mails', mails => [map { {%$_,
            at => at($_->{last_at})} } @mails[0 .. last_of(@mails)]]);
    });
}

sub shown ($destination) {
    my $report = $destination->report;
    my @rows = sort { $b->{last_at} <=> $a->{last_at} } $destination->rows;
    my @invalid = reverse $report->{invalid}->@*;

    return {
        title   => $TITLE{$destination->name},
        $report->%{qw(received unique duplicates refused)},
        rows    => [map { {%$_, at => at($_->{last_at}),
            what => to_json(told($_->{what}))} } @rows[0 .. last_of(@rows)]],
        invalid => [map { {at => at($_->{received_at}),
            reason => $_->{reason}, hook => $_->{hook} // ''} }
            @invalid[0 .. last_of(@invalid)]],
    };
}

sub last_of (@all) { return @all > MOST ? MOST - 1 : $#all }

sub told ($what) {
    return ref $what eq 'HASH'
        ? {$what->%{grep { defined $what->{$_} } keys %$what}} : $what;
}

sub at ($time) {
    return strftime('%H:%M:%S', gmtime $time)
        . sprintf '.%03d', ($time - int $time) * 1000;
}

1;
