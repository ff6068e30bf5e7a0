package Sandbox::Documents;

# The knowledge base: documents, and sites that are crawled.
#
# https://docs.tavus.io/api-reference/documents/create-document

use Mojo::Base -base, -signatures;

use Mojo::JSON qw(decode_json);
use Time::HiRes qw(time);

use Sandbox::Check qw(integer is_object is_string is_strings is_url refusal);
use Sandbox::Conversation;

has tavus     => undef, weak => 1;
has documents => sub { {} };
has serial    => 0;

my %STATUS = map { $_ => 1 } qw(started processing ready error recrawling);

sub up_to ($max) {
    return sub ($v) {
        integer($v) && $v >= 1 && $v <= $max
            ? undef : "must be an integer from 1 to $max";
    };
}

my $crawl = is_object({depth => up_to(10), max_pages => up_to(100)});

my %CREATE = (
    document_url  => \&is_url,
    document_name => \&is_string,
    callback_url  => \&is_url,
    tags          => \&is_strings,
    crawl         => $crawl,
);
my %UPDATE = (document_name => \&is_string, tags => \&is_strings);
my %RECRAWL = (crawl => $crawl);

# ---- routes ----------------------------------------------------------------

sub mount ($self, $r) {
    my $tavus = $self->tavus;
    my $sandbox = $tavus->sandbox;

    my $api = $r->under('/v2/documents' => sub ($c) {
        return 1 if ($c->req->headers->header('x-api-key') // '')
            eq $sandbox->api_key;
        $sandbox->answer($c, 401, {message => 'Invalid access token'});
        return undef;
    });

    my %cb = (
        create  => $api->post('/'),
        list    => $api->get('/'),
        read    => $api->get('/:id'),
        update  => $api->patch('/:id'),
        remove  => $api->delete('/:id'),
        recrawl => $api->post('/:id/recrawl'),
    );
    for my $method (keys %cb) {
        $cb{$method}->to(cb => sub ($c) {
            $sandbox->answer($c, $tavus->spelled($self->$method($c)));
        });
    }
}

sub now ($self) { return $self->tavus->sandbox->config_now }

# The body as an object that holds nothing else, or why it is none.
sub input ($self, $c, $fields) {
    my $in = $self->tavus->body($c);
    return undef, 'Invalid request body' unless ref $in eq 'HASH';
    my $why = refusal($in, $fields);
    return defined $why ? (undef, "Invalid request: $why") : $in;
}

my @UNKNOWN = (404, {message => 'Document not found'});

sub find ($self, $c) {
    my $d = $self->documents->{$c->param('id')} or return undef;
    $self->advance($d);
    return $d;
}

# ---- what is asked ---------------------------------------------------------

sub create ($self, $c) {
    my ($in, $why) = $self->input($c, \%CREATE);
    return 400, {error => $why} unless $in;
    return 400, {error => 'Invalid request: document_url is required'}
        unless defined $in->{document_url};

    if ($in->{crawl}) {
        my @crawls = grep { $_->{crawl} } values $self->documents->%*;
        my $most = $self->now->{max_crawls};
        return 429, {error => "Crawl document limit reached ($most). Contact "
                . 'support@tavus.io to increase your limit.'}
            if @crawls >= $most;
        return 429, {error => 'Too many concurrent crawls. Try again later.'}
            unless $self->free;
    }

    $self->serial($self->serial + 1);
    my $id = sprintf 'd%x-%012x', $self->serial % 16,
        $self->serial << 32 | int rand 2**32;
    my $at = Sandbox::Conversation->now;
    my $d = $self->documents->{$id} = {
        id       => $id,
        serial   => $self->serial,
        name     => $in->{document_name} // "Document $id",
        url      => $in->{document_url},
        callback => $in->{callback_url} // '',
        tags     => $in->{tags} // [],
        crawl    => $in->{crawl}
            && {depth => 1, max_pages => 10, $in->{crawl}->%*},
        status   => 'started',
        since    => time,
        created  => $at,
        updated  => $at,
        crawls   => 0,
    };
    return 200, $self->describe($d);
}

# True while one more site may be read.
sub free ($self) {
    $self->advance($_) for values $self->documents->%*;
    my @reading = grep {
        $_->{crawl} && $_->{status} =~ /^(?:started|processing|recrawling)\z/
    } values $self->documents->%*;
    return @reading < $self->now->{max_crawling};
}

sub list ($self, $c) {
    my $q = $c->req->query_params;
    my %known = map { $_ => 1 } qw(limit page sort status name_or_uuid tags);
    for ($q->names->@*) {
        return 400, {error => "Invalid request: unknown parameter $_"}
            unless $known{$_};
    }
    my $limit = $q->param('limit') // 10;
    my $page = $q->param('page') // 0;
    my $sort = $q->param('sort') // 'ascending';
    my $status = $q->param('status');

    return 400, {error => 'Invalid request: limit must be a positive integer'}
        unless $limit =~ /^[1-9]\d{0,5}\z/;
    return 400, {error => 'Invalid request: page must be an integer'}
        unless $page =~ /^\d{1,6}\z/;
    return 400, {error => 'Invalid request: sort'}
        unless $sort =~ /^(?:ascending|descending)\z/;
    return 400, {error => 'Invalid request: status'}
        if defined $status && !$STATUS{$status};

    my @all = sort { $a->{serial} <=> $b->{serial} }
        values $self->documents->%*;
    $self->advance($_) for @all;
    @all = reverse @all if $sort eq 'descending';
    @all = grep { $_->{status} eq $status } @all if defined $status;
    if (defined(my $text = $q->param('name_or_uuid'))) {
        @all = grep { index(lc $_->{name}, lc $text) >= 0
            || $_->{id} eq $text } @all;
    }
    if (defined(my $tags = $q->param('tags'))) {
        my %wanted = map { $_ => 1 } split /,/, $tags;
        @all = grep { grep({ $wanted{$_} } $_->{tags}->@*) } @all;
    }

    my $from = $page * $limit;
    my @page = $from < @all ? splice @{[@all]}, $from, $limit : ();
    return 200, {data => [map { $self->describe($_) } @page],
        total_count => scalar @all, page => $page + 0, limit => $limit + 0};
}

sub read ($self, $c) {
    my $d = $self->find($c) or return @UNKNOWN;
    return 200, $self->describe($d);
}

sub update ($self, $c) {
    my $d = $self->find($c) or return @UNKNOWN;
    my ($in, $why) = $self->input($c, \%UPDATE);
    return 400, {error => $why} unless $in;

    $d->{name} = $in->{document_name} if defined $in->{document_name};
    $d->{tags} = $in->{tags} if $in->{tags};
    $d->{updated} = Sandbox::Conversation->now;
    return 200, $self->describe($d);
}

sub remove ($self, $c) {
    my $d = $self->find($c) or return @UNKNOWN;
    return 400, {error => 'The request has no body'} if length $c->req->body;
    delete $self->documents->{$d->{id}};
    return 204, undef;
}

sub recrawl ($self, $c) {
    my $d = $self->find($c) or return @UNKNOWN;
    my ($in, $why) = length $c->req->body
        ? $self->input($c, \%RECRAWL) : {};
    return 400, {error => $why} unless $in;
    return 400, {error => 'Document was not created with crawl configuration'}
        unless $d->{crawl} || $in->{crawl};
    return 409, {error => 'Document is not in a state to be recrawled'}
        unless $d->{status} =~ /^(?:ready|error)\z/;

    my $left = ($d->{crawled} // 0) + $self->now->{recrawl_seconds} - time;
    if ($left > 0) {
        $c->res->headers->header('Retry-After' => int($left) + 1);
        return 429, {error => 'Document was crawled less than an hour ago'};
    }
    return 429, {error => 'Too many concurrent crawls. Try again later.'}
        unless $self->free;

    $d->{crawl} = {depth => 1, max_pages => 10, ($d->{crawl} // {})->%*,
        ($in->{crawl} // {})->%*};
    $d->@{qw(status since error)} = ('recrawling', time, undef);
    $d->{updated} = Sandbox::Conversation->now;
    return 202, $self->describe($d);
}

# ---- a document's life -----------------------------------------------------

sub advance ($self, $d) {
    my $step = $self->now->{document_ms} / 1000;
    my $age = time - $d->{since};

    return if $d->{fixed} || $d->{status} =~ /^(?:ready|error)\z/;

    if ($d->{status} eq 'recrawling' ? $age >= $step : $age >= 2 * $step) {
        $d->{status} = 'ready';
        $d->{updated} = Sandbox::Conversation->now;
        return unless $d->{crawl};

        $d->{crawled} = time;
        $d->{crawled_at} = $d->{updated};
        $d->{crawls}++;
        $d->{urls} = [map { ($d->{url} =~ s{/\z}{}r) . ($_ ? "/page-$_" : '/') }
            0 .. ($d->{crawl}{max_pages} < 3 ? $d->{crawl}{max_pages} : 3) - 1];
    } elsif ($d->{status} eq 'started' && $age >= $step) {
        $d->{status} = 'processing';
    }
}

sub describe ($self, $d) {
    return {
        document_id     => $d->{id},
        document_name   => $d->{name},
        document_url    => $d->{url},
        status          => $d->{status},
        progress        => $d->{status} eq 'processing'
            ? $d->{progress} // 50 : undef,
        error_message   => $d->{status} eq 'error' ? $d->{error} : undef,
        created_at      => $d->{created},
        updated_at      => $d->{updated},
        callback_url    => $d->{callback},
        tags            => $d->{tags},
        crawl_config    => $d->{crawl},
        crawled_urls    => $d->{urls},
        last_crawled_at => $d->{crawled_at},
        crawl_count     => $d->{crawl} ? $d->{crawls} : undef,
    };
}

# ---- for tests -------------------------------------------------------------

sub set ($self, $c) {
    my $in = eval { decode_json($c->req->body) } // {};
    my $d = $self->documents->{$in->{document_id} // ''};
    my $why = !$d ? 'unknown document_id'
        : defined $in->{status} && !$STATUS{$in->{status}} ? 'bad status'
        : undef;
    return $c->render(status => 400, json => {error => $why}) if $why;

    $d->{status} = $in->{status} if defined $in->{status};
    $d->{fixed} = defined $in->{status};
    $d->{error} = $in->{error_message} // ($d->{status} eq 'error'
        ? 'contact_support' : undef);
    $d->{progress} = $in->{progress};
    $d->{crawled} = time - $in->{crawled} if defined $in->{crawled};
    $c->render(json => $self->describe($d));
}

sub reset ($self) { $self->documents({}) }

1;
