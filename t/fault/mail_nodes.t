#!/usr/bin/perl

# Two nodes on one database: each lead is mailed once, an order of alerts is one
# digest; and PostgreSQL that goes away in between, or before, loses none.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box) } qw(a b);
my @m = map { Tavus::Test::Mail->new($_->t, 'mail contact.submitted; mail alert;') }
    @nodes;
$_->t->start for @nodes;
wait_ok { $_->ready } 'ready' for @m;
my $of = sub ($category) { return grep { $_->{categories}[0] eq $category }
    $m[0]->mails };

$box->fault(path => '/v3/mail/send', kind => 'delay', ms => 50);
my $n = 40;
$m[$_ % 2]->lead(name => "Lead $_") for 1 .. $n;
$pg->db->begin_work;
$m[0]->alert(raised => "alert_$_") for 1 .. 10;
$pg->db->commit;
wait_ok { $n <= $of->('lead') } 'all leads', 60;
wait_ok { $of->('alert') } 'and the alerts';
wait_ok { $m[0]->idle } 'all is told';
my %seen;
$seen{$_->{mail}{subject}} += $_->{times} for $box->mails;
is scalar(grep { /^New lead/ } keys %seen), $n, 'each lead';
is scalar(grep { $_ > 1 } values %seen), 0, 'once';
is scalar $of->('alert'), 1, 'one digest';

# ---- the database is gone while mails are under way
$box->fault(path => '/v3/mail/send', kind => 'delay', ms => 2000, times => 2);
$box->forget;
$m[$_ % 2]->lead(name => "After $_") for 1 .. 6;
wait_ok { $box->calls('/v3/mail/send') } 'some are under way';
$pg->kill;
$pg->start;
wait_ok { 6 <= grep { /After/ } keys %{{map { $_->{subject} => 1 } $of->('lead')}}
    or do { eval { $m[0]->lease_over }; 0 } } 'none is lost', 90;

# ---- the database is away when the form is sent: the journal has it
$box->no_faults;
$pg->stop;
$m[0]->lead(name => 'Away');
$pg->start;
wait_ok { grep { $_->{subject} eq 'New lead: Away' } $m[0]->mails }
    'what was journaled is mailed', 60 or diag explain $m[0]->state,
        [map { `ls -l ${\$_->t->dir}/journal` } @nodes];

done_testing;
