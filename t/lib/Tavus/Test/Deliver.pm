package Tavus::Test::Deliver;

# A site with destinations in the sandbox, and what a visitor does there.
#
#   my $d = Tavus::Test::Deliver->new($t);        posthog, ga4, webhook "crm"
#   my $d = Tavus::Test::Deliver->new($t, crm => 'events page_view;');
#   $d->track('page_view', consent => 'granted', session => 's1', n => 3);
#   $d->destination('crm')              as the admin API shows it
#   $d->failed(destination => 'crm')    what waits or is dead there
#   $d->ready                           all destinations are known
#   $d->lease_over                      of all that is under way
#   $d->backend                         the process of PostgreSQL that is asked
#   $d->configured(crm => '…')          as new(), for a reload
#   $d->idle('crm')                     all is delivered, or waits by itself
#   $d->retry($id), $d->retry(undef, destination => 'crm')
#                                       sends again; the answer
#   $d->hurry('crm')                    what waits there is due
#   $d->seconds('crm', 'paused_until')  until then
#   $d->state                           rows, to be shown where a test failed
#   $d->directives(sub ($url) { … })    the same at other addresses

use v5.36;

use Tavus::Test::Process qw(wait_for);

# members of a block that are the same for a service
sub members ($self, $service) {
    my $t = $self->{t};
    my $box = $t->sandbox;
    my $at = $self->{at};

    return 'key file:' . $t->secret('posthog.key', $box->posthog_key)
        . '; url ' . $at->($box->posthog_url) . ';' if $service eq 'posthog';
    return 'measurement_id ' . $box->ga4_measurement_id . '; secret file:'
        . $t->secret('ga4.secret', $box->ga4_secret) . '; url '
        . $at->($box->ga4_url) . ';' if $service eq 'ga4';
    return '';
}

sub hook ($self, $name) {
    my $t = $self->{t};
    return 'url file:' . $t->secret("$name.url",
            $self->{at}->($t->sandbox->hook_url($name)))
        . '; secret file:'
        . $t->secret("$name.secret", $t->sandbox->hook($name)) . ';';
}

# Destinations by name; a hook is what is no service.
sub new ($class, $t, %block) {
    my $self = bless {t => $t}, $class;
    %block = (posthog => 'events *;', ga4 => 'events *;', crm => 'events *;')
        if !%block;
    $self->{block} = \%block;
    $t->{http}{tavus_deliver} = [$self->directives];
    return $self;
}

sub directives ($self, $at = sub ($url) { $url }) {
    $self->{at} = $at;
    return map {
        my $service = /^(posthog|ga4)/ ? $1 : 'webhook';
        my $more = $self->{block}{$_};
        my $from = $more =~ s/^(from=\S+)\s*// ? " $1" : '';
        "$service name=$_$from { " . ($service eq 'webhook'
            ? $self->hook($_) : $self->members($service)) . " $more }";
    } sort keys $self->{block}->%*;
}

my $n = 0;

sub track ($self, $name, %opt) {
    my $count = delete $opt{n} // 1;
    my %top = map { defined $opt{$_} ? ($_ => delete $opt{$_}) : () }
        qw(consent conversation_id end_token);
    my $session = delete $opt{session} // 'session-' . ++$n;

    while ($count > 0) {
        my $some = $count > 20 ? 20 : $count;
        my $res = $self->{t}->post('/api/track', {%top, events => [map +{
            name => $name, properties => {session_id => $session,
                user_id => "user-of-$session", %opt, count => ++$n},
        }, 1 .. $some]});
        die 'not taken: ' . $res->body if $res->code != 202;
        $count -= $some;
    }
    return $session;
}

sub shown ($self, %query) {
    my $query = join '&', map { "$_=$query{$_}" } sort keys %query;
    my $res = $self->{t}->admin("/api/admin/deliveries?$query");
    die 'deliveries: ' . $res->code . ' ' . $res->body if $res->code != 200;
    return $res->json;
}

sub destination ($self, $name) {
    return $self->shown(destination => $name)->{destinations}[0];
}

sub failed ($self, %query) { return $self->shown(%query)->{deliveries}->@* }

sub idle ($self, @name) {
    return !grep { $_->{in_flight} || $_->{lag}{events} }
        $self->shown(map { (destination => $_) } @name)->{destinations}->@*;
}

sub retry ($self, $id = undef, %query) {
    my $t = $self->{t};
    my $path = join '/', '/api/admin/deliveries', grep { defined } $id;
    my $query = join '&', map { "$_=$query{$_}" } sort keys %query;
    return $t->post("$path/retry" . ($query ? "?$query" : ''), {},
        {$t->admin_headers->%*, 'Content-Type' => 'application/json'});
}

# One that goes nowhere is stored too, as what is due is looked for then.
sub hurry ($self, $name) {
    my $n = $self->{t}->db->do('UPDATE tavus.deliveries SET due_at = now() '
        . 'WHERE destination = ? AND NOT dead AND due_at > now()', undef, $name);
    $self->track('page_view') if $n > 0;
    return $n > 0;
}

sub seconds ($self, $name, $column) {
    return $self->{t}->db->selectrow_array("SELECT extract(epoch FROM $column "
        . '- now()) FROM tavus.destinations WHERE name = ?', undef, $name);
}

# For a test that failed: all that the database has of it.
sub state ($self) {
    my $db = $self->{t}->db;
    return {map { $_ => $db->selectall_arrayref("SELECT t.*, now() FROM tavus.$_ t",
        {Slice => {}}) } qw(cursors deliveries destinations flights nodes)};
}

sub ready ($self) {
    my $n = keys $self->{block}->%*;
    return $self->{t}->get('/healthz')->code == 200
        && $n == $self->{t}->db->selectrow_array(
            q{SELECT count(*) FROM tavus.destinations
               WHERE name = ANY (?)}, undef, [keys $self->{block}->%*]);
}

# Two minutes are long; it is the same when they began two minutes ago.
sub lease_over ($self) {
    my $db = $self->{t}->db;
    $db->do('UPDATE tavus.flights SET due_at = now() WHERE token > 0');
    $db->do('UPDATE tavus.deliveries SET lease_until = now()');
    return $self;
}

sub backend ($self) {
    return $self->{t}->db->selectrow_array(q{SELECT pid
        FROM pg_stat_activity WHERE query LIKE '%tavus.deliver_claim%'
         AND pid <> pg_backend_pid() ORDER BY backend_start DESC LIMIT 1});
}

sub configured ($self, %block) {
    $self->{block} = \%block;
    $self->{t}->configure(http => {tavus_deliver => [$self->directives]});
    return $self;
}

1;
