package Tavus::Test::Alerts;

# What needs the owner's hand, looked at often, and over as soon as it is.
#
#   my $alerts = Tavus::Test::Alerts->new(config => […]);   as Tavus::Test::Pg
#   my $t = $alerts->on(Tavus::Test->new(db => $alerts->pg));
#   $alerts->open               "kind subject", those that are open
#   $alerts->one('kind')        as the admin API shows the last one
#   $alerts->events('kind')     types of its events, as the API has them
#   $alerts->set(key_invalid => 'threshold = 1')

use v5.36;
use Carp qw(croak);

use Tavus::Test::Pg;

sub new ($class, %opt) {
    my $self = bless {pg => Tavus::Test::Pg->new(%opt, alerts => 1)}, $class;
    my $db = $self->{pg}->db;
    $db->do(q{UPDATE tavus.alert_looks SET every = '1 second'});
    $db->do(q{UPDATE tavus.alert_kinds SET calm = '0'});
    return $self;
}

sub pg ($self) { return $self->{pg} }

sub on ($self, $t) {
    $self->{t} = $t;
    return $t;
}

sub set ($self, $kind, $what) {
    $self->{pg}->db->do("UPDATE tavus.alert_kinds SET $what WHERE kind = ?",
        undef, $kind);
    return;
}

sub shown ($self, %query) {
    my $query = join '&', map { "$_=$query{$_}" } sort keys %query;
    my $res = $self->{t}->admin("/api/admin/alerts?$query");
    croak 'alerts: ' . $res->code . ' ' . $res->body if $res->code != 200;
    return $res->json->{alerts}->@*;
}

sub open ($self) {
    return join ', ', sort map { "$_->{alert} $_->{subject}" }
        $self->shown(state => 'open');
}

sub one ($self, $kind) {
    return (grep { $_->{alert} eq $kind } $self->shown)[0];
}

sub events ($self, $kind) {
    return join ' ', map { $_->{event_type} =~ s/^alert\.//r }
        sort { $a->{id} cmp $b->{id} } grep { $_->{data}{alert} eq $kind }
        map { $self->{t}->admin("/api/admin/events?event_type=alert.$_&limit=200")
            ->json->{events}->@* } qw(raised cleared);
}

1;
