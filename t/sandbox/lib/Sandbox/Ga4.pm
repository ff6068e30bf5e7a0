package Sandbox::Ga4;

# The Measurement Protocol of Google Analytics 4, for a web stream.
#
# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
#
# /mp/collect says 204 to whatever comes.  What /debug/mp/collect would say of
# it is kept with the request, and its events are not: Google would drop them
# without a word.  What the debug server only recommends is asked for here:
# without session_id and engagement_time_msec no report shows an event.

use Mojo::Base 'Sandbox::Destination', -signatures;

use Mojo::JSON qw(to_json);
use Time::HiRes qw(time);

use Sandbox::Check qw(boolean string);

use constant {
    BODY => 130_000, BACK => 72 * 3600, AHEAD => 60,
    EVENTS => 25, PARAMS => 25, NAME => 40, VALUE => 100, USER_ID => 256,
    PROPERTIES => 25, PROPERTY_NAME => 24, PROPERTY_VALUE => 36,
    ITEMS => 200, ITEM_PARAMS => 10,
};

my %TOP = map { $_ => 1 } qw(client_id user_id timestamp_micros
    user_properties user_data consent non_personalized_ads
    validation_behavior user_location ip_override device user_agent events);
my %EVENT = map { $_ => 1 } qw(name params timestamp_micros);

my %RESERVED = map { $_ => 1 } qw(ad_activeview ad_click ad_exposure
    ad_impression ad_query ad_reward adunit_exposure app_clear_data
    app_exception app_install app_remove app_store_refund
    app_store_subscription_cancel app_store_subscription_convert
    app_store_subscription_renew app_update app_upgrade dynamic_link_app_open
    dynamic_link_app_update dynamic_link_first_open error firebase_campaign
    first_open first_visit in_app_purchase notification_dismiss
    notification_foreground notification_open notification_receive
    notification_send os_update screen_view session_start user_engagement);
my %RESERVED_PROPERTY = map { $_ => 1 } qw(first_open_time first_visit_time
    last_deep_link_referrer user_id first_open_after_install);
my $PREFIX = qr/^(?:_|firebase_|ga_|google_|gtag\.)/;

# these three may be longer
my %LONG = (page_title => 300, page_referrer => 420, page_location => 1000);

# an item has these besides its own
my %ITEM = map { $_ => 1 } qw(item_id item_name affiliation coupon currency
    creative_name creative_slot discount index item_brand item_category
    item_category2 item_category3 item_category4 item_category5 item_list_id
    item_list_name item_variant location_id price promotion_id promotion_name
    quantity);

sub name ($self) { return 'ga4' }

sub mount ($self, $r) {
    $r->post('/ga4/mp/collect')->to(cb => sub ($c) {
        $self->take($c);
        $self->sandbox->answer($c, 204);
    });
    # of the secret it says nothing, and keeps nothing
    $r->post('/ga4/debug/mp/collect')->to(cb => sub ($c) {
        $self->sandbox->answer($c, 200, {validationMessages =>
            [validate($c->stash('sent')->@{qw(bytes json)})]});
    });
}

sub take ($self, $c) {
    my ($bytes, $in) = $c->stash('sent')->@{qw(bytes json)};
    my $q = $c->req->query_params;

    for (qw(measurement_id api_secret)) {
        my $right = $self->now->{$_ eq 'api_secret' ? 'ga4_secret'
            : 'ga4_measurement_id'};
        my $given = $q->param($_) // '';
        return $self->refuse("$_ is " . (length $given ? 'wrong' : 'missing'))
            if $given ne $right;
    }
    my @said = validate($bytes, $in);
    return $self->refuse($said[0]{description}, messages => \@said,
        events => ref $in eq 'HASH' ? $in->{events} : undef) if @said;

    for my $event ($in->{events}->@*) {
        my %about = $in->%{grep { exists $in->{$_} } qw(client_id user_id
            consent non_personalized_ads user_properties)};
        my %entry = (timestamp_micros => $in->{timestamp_micros}, %about,
            %$event, params => $event->{params} // {});
        my $key = to_json(\%entry);
        $self->keep($key, $key, \%entry);
    }
    return;
}

# ---- what the debug server says --------------------------------------------

sub message ($path, $code, $description) {
    return {fieldPath => $path, validationCode => $code,
        description => $description};
}

sub validate ($bytes, $in) {
    return message('', VALUE_OUT_OF_BOUNDS => 'The body is too large.')
        if length($bytes // '') >= BODY;
    return message('', VALUE_INVALID => 'Unable to parse the body as an object.')
        unless ref $in eq 'HASH';

    my @said = map { message($_, VALUE_INVALID => "Unknown field [$_].") }
        grep { !$TOP{$_} } sort keys %$in;
    push @said, message(client_id => VALUE_REQUIRED => 'Needs a client_id.')
        unless string($in->{client_id}) && length $in->{client_id};
    push @said, message(user_id => VALUE_INVALID =>
        'Must be a string of 1 to 256 characters.') if exists $in->{user_id}
            && !(string($in->{user_id}) && length $in->{user_id}
                && length $in->{user_id} <= USER_ID);
    push @said, message(non_personalized_ads => VALUE_INVALID =>
        'Must be a boolean.') if exists $in->{non_personalized_ads}
            && !boolean($in->{non_personalized_ads});

    push @said, of_time(timestamp_micros => $in),
        of_consent($in->{consent}), of_properties($in->{user_properties});

    my $events = $in->{events};
    return @said, message(events => VALUE_REQUIRED => 'Needs a list of events.')
        unless ref $events eq 'ARRAY' && @$events;
    return @said, message(events => EXCEEDED_MAX_ENTITIES =>
        'Has more than ' . EVENTS . ' events.') if @$events > EVENTS;
    return @said, map { of_event("events[$_]", $events->[$_]) } 0 .. $#$events;
}

# A time is set for what was, and not before the last three days.
sub of_time ($path, $in) {
    return unless exists $in->{timestamp_micros};
    my $micros = "$in->{timestamp_micros}";
    return message($path, VALUE_INVALID => 'Must be in microseconds.')
        unless $micros =~ /^[1-9]\d{0,17}\z/;
    my $age = time - $micros / 1e6;
    return message($path, VALUE_OUT_OF_BOUNDS =>
        'Must be within the last 72 hours.') if $age > BACK || $age < -AHEAD;
    return;
}

sub of_consent ($consent) {
    return unless defined $consent;
    return message(consent => VALUE_INVALID => 'Must be an object.')
        unless ref $consent eq 'HASH';
    return map {
        /^ad_(?:user_data|personalization)\z/
            && ($consent->{$_} // '') =~ /^(?:GRANTED|DENIED)\z/ ? ()
            : message("consent.$_" => VALUE_INVALID =>
                'Must be ad_user_data or ad_personalization, GRANTED or '
                . 'DENIED.');
    } sort keys %$consent;
}

sub of_properties ($all) {
    return unless defined $all;
    return message(user_properties => VALUE_INVALID => 'Must be an object.')
        unless ref $all eq 'HASH';
    return message(user_properties => EXCEEDED_MAX_ENTITIES =>
        'Has more than ' . PROPERTIES . ' properties.')
        if keys %$all > PROPERTIES;

    return map {
        my $value = ref $all->{$_} eq 'HASH' ? $all->{$_}{value} : undef;
        (of_name("user_properties.$_", $_, PROPERTY_NAME, \%RESERVED_PROPERTY),
            of_value("user_properties.$_", $value, PROPERTY_VALUE));
    } sort keys %$all;
}

sub of_name ($path, $name, $most, $reserved) {
    return message($path, NAME_RESERVED => "The name [$name] is reserved.")
        if $reserved->{$name} || $name =~ $PREFIX;
    return message($path, NAME_INVALID => "The name [$name] is invalid: a "
        . "letter, then letters, digits and _, $most at most.")
        if $name !~ /^[A-Za-z][A-Za-z0-9_]*\z/a || length $name > $most;
    return;
}

sub of_value ($path, $value, $most) {
    return message($path, VALUE_INVALID => 'Must be a string or a number.')
        if !defined $value || ref $value;
    return message($path, VALUE_OUT_OF_BOUNDS =>
        "Has more than $most characters.")
        if string($value) && length $value > $most;
    return;
}

sub of_event ($path, $event) {
    return message($path, VALUE_INVALID => 'Must be an object.')
        unless ref $event eq 'HASH';
    my @said = map { message("$path.$_", VALUE_INVALID => "Unknown field [$_].") }
        grep { !$EVENT{$_} } sort keys %$event;
    return @said, message("$path.name", VALUE_REQUIRED => 'Needs a name.')
        unless string($event->{name}) && length $event->{name};
    push @said, of_name("$path.name", $event->{name}, NAME, \%RESERVED),
        of_time("$path.timestamp_micros", $event);

    my $params = $event->{params} // {};
    return @said, message("$path.params", VALUE_INVALID => 'Must be an object.')
        unless ref $params eq 'HASH';
    push @said, message("$path.params", EXCEEDED_MAX_ENTITIES =>
        'Has more than ' . PARAMS . ' parameters.') if keys %$params > PARAMS;

    for my $name (sort keys %$params) {
        my $at = "$path.params.$name";
        push @said, $name eq 'items' ? of_items($at, $params->{items})
            : (of_name($at, $name, NAME, {firebase_conversion => 1}),
                of_value($at, $params->{$name}, $LONG{$name} // VALUE));
    }
    return @said, of_session($path, $params), of_money($path, $params);
}

sub of_items ($path, $items) {
    return message($path, VALUE_INVALID => 'Must be a list of objects.')
        if ref $items ne 'ARRAY' || grep { ref ne 'HASH' } @$items;
    return message($path, EXCEEDED_MAX_ENTITIES => 'Has more than '
        . ITEMS . ' items.') if @$items > ITEMS;
    return map {
        my ($item, $at) = ($items->[$_], "${path}[$_]");
        my @own = grep { !$ITEM{$_} } keys %$item;
        (@own > ITEM_PARAMS ? message($at, EXCEEDED_MAX_ENTITIES =>
                'Has more than ' . ITEM_PARAMS . ' parameters of its own.') : (),
            map({ of_name("$at.$_", $_, NAME, {}),
                of_value("$at.$_", $item->{$_}, VALUE) } sort keys %$item));
    } 0 .. $#$items;
}

sub of_session ($path, $params) {
    return map {
        my ($at, $value) = ("$path.params.$_", $params->{$_});
        !defined $value ? message($at, VALUE_REQUIRED =>
                "Without $_ no report shows the event.")
            : !ref $value && "$value" =~ /^\d+\z/a ? ()
            : message($at, VALUE_INVALID => 'Must be digits.');
    } qw(session_id engagement_time_msec);
}

# A value needs its currency.
sub of_money ($path, $params) {
    my ($value, $currency) = $params->@{qw(value currency)};
    return message("$path.params.value", VALUE_INVALID => 'Must be a number.')
        if defined $value && (ref $value || string($value));
    return message("$path.params.currency", VALUE_REQUIRED =>
        'Needs a currency of three letters.')
        if (defined $value || defined $currency)
            && ($currency // '') !~ /^[A-Z]{3}\z/;
    return;
}

sub rows ($self) {
    return map { {
        $_->%{qw(received_at last_at times)},
        name => $_->{name}, who => $_->{client_id},
        what => {params => $_->{params}, consent => $_->{consent},
            timestamp_micros => $_->{timestamp_micros}},
        note => '',
    } } $self->events;
}

1;
