package Sandbox::Create;

# What POST /v2/conversations may say.

use v5.36;

use Sandbox::Check qw(any_of at_least id is_bool is_object is_string
    is_strings is_url one_of refusal string);

# https://docs.tavus.io/sections/conversational-video-interface/language-support
my %LANGUAGES = qw(
    ar arabic      bg bulgarian   bn bengali     cs czech       da danish
    de german      el greek       en english     es spanish     fi finnish
    fr french      gu gujarati    he hebrew      hi hindi       hr croatian
    hu hungarian   id indonesian  it italian     ja japanese    ka georgian
    kn kannada     ko korean      ml malayalam   mr marathi     ms malay
    nl dutch       no norwegian   pa punjabi     pl polish      pt portuguese
    ro romanian    ru russian     sk slovak      sv swedish     ta tamil
    te telugu      th thai        tl tagalog     tr turkish     uk ukrainian
    vi vietnamese  zh chinese
);

# beside a name in its edition of 2025; of English it has "all variants"
my %REGIONS = (ar => 'SA AE', es => 'ES MX', fr => 'FR CA', pt => 'BR PT',
    en => 'US GB AU NZ IN CA');

# another of its names
my %NAMES = map { $_ => 1 } values %LANGUAGES, qw(filipino multilingual);
my %CODES = map { $_ => 1 } keys %LANGUAGES, 'fil';

my $is_language = sub ($v) {
    return undef if string($v) && $NAMES{lc $v};
    return 'must be the full English name of a language, or multilingual';
};

my $is_code = sub ($v) {
    return undef
        if string($v) && $v =~ /^([a-z]{2,3})(?:-([A-Z]{2}))?\z/ && $CODES{$1}
            && (!defined $2 || ($REGIONS{$1} // '') =~ /\b$2\b/);
    return 'must be codes of languages';
};

my %STORAGE = (
    s3 => [[qw(bucket_name bucket_region assume_role_arn)], ['external_id']],
    gcs => [[qw(bucket_name project_id workload_identity_provider
                service_account_email)], []],
    azure_blob => [[qw(storage_account container tenant_id client_id)], []],
);

my $is_storage = sub ($v) {
    return 'must be an object' unless ref $v eq 'HASH';
    my $known = string($v->{provider}) && $STORAGE{$v->{provider}}
        or return 'has no known provider';
    my ($must, $may) = @$known;
    for (@$must) {
        return "needs $_" unless exists $v->{$_};
    }
    return refusal($v, {map { $_ => \&is_string } 'provider', @$must, @$may});
};

my %PROPERTIES = (
    max_call_duration          => at_least(1),
    participant_left_timeout   => at_least(0),
    participant_absent_timeout => at_least(0),
    enable_recording           => \&is_bool,
    enable_closed_captions     => \&is_bool,
    apply_greenscreen          => \&is_bool,
    language                   => $is_language,
    languages                  => any_of($is_code),
    require_auth               => \&is_bool,
    recording_storage          => $is_storage,
    recording_s3_bucket_name   => \&is_string,
    recording_s3_bucket_region => \&is_string,
    aws_assume_role_arn        => \&is_string,
);

my %FIELDS = (
    replica_id                  => id('r'),
    face_id                     => id('r'),
    persona_id                  => id('p'),
    pal_id                      => id('p'),
    audio_only                  => \&is_bool,
    callback_url                => \&is_url,
    conversation_name           => \&is_string,
    conversational_context      => \&is_string,
    custom_greeting             => \&is_string,
    enable_dynamic_greeting     => \&is_bool,
    memory_stores               => \&is_strings,
    participant_tags            => any_of(\&is_string, 1),
    objectives_id               => \&is_string,
    document_ids                => \&is_strings,
    document_tags               => \&is_strings,
    document_retrieval_strategy => one_of(qw(speed balanced quality)),
    meeting_url                 => \&is_url,
    policy                      => one_of('eu'),
    test_mode                   => \&is_bool,
    require_auth                => \&is_bool,
    max_participants            => at_least(2),
    properties                  => is_object(\%PROPERTIES),
);

my @EITHER = (['persona_id', 'pal_id'], ['replica_id', 'face_id']);
my @EITHER_PROPERTY = (['language', 'languages'],
    ['recording_storage', 'recording_s3_bucket_name']);

sub both ($in, @pairs) {
    for (@pairs) {
        my ($old, $new) = @$_;
        return "Specify only one of $old and $new"
            if exists $in->{$old} && exists $in->{$new};
    }
    return undef;
}

# Why a create is refused, or undef.
sub refuse ($in) {
    return 'Invalid request body' unless ref $in eq 'HASH';

    return refusal($in, \%FIELDS) // both($in, @EITHER)
        // both($in->{properties} // {}, @EITHER_PROPERTY)
        // (grep({ exists $in->{$_} } map { @$_ } @EITHER) ? undef
            : 'Either a pal_id or a face_id is required');
}

1;
