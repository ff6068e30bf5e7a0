#!/usr/bin/perl
# All that docs/openapi.yaml names was answered in some test: each status of
# each operation, and each code of a status.  What the tests have seen is in the
# folder that is given, a file for each (Tavus::Test::OpenApi); what none can
# provoke stands in t/contract/openapi.yml, with the reason; some of that a busy
# machine shows all the same.
use v5.36;
use Tavus::Test::OpenApi;
use YAML::XS ();

my $LIST = 't/contract/openapi.yml';
my ($dir) = @ARGV or die "usage: openapi_seen.pl FOLDER\n";

my %seen;
for my $file (glob "$dir/*") {
    open my $in, '<', $file or die "$file: $!\n";
    chomp, $seen{$_}++ while <$in>;
}

my @missing = grep { !$seen{$_} }
    sort keys Tavus::Test::OpenApi->document->named->%*;
my $all = keys Tavus::Test::OpenApi->document->named->%*;
my $bad = 0;

for my $entry (YAML::XS::LoadFile($LIST)->@*) {
    my @kept;
    for my $like ($entry->{answers}->@*) {
        my $pattern = join '\S+', map { quotemeta } split /\*/, $like, -1;
        if (!grep { /^$pattern\z/ } keys Tavus::Test::OpenApi->document->named->%*) {
            say "$LIST: $like: is not in the document";
            $bad = 1;
        }
        say "$LIST: $like: is seen" if !grep { /^$pattern\z/ } @missing;
        @missing = grep { !/^$pattern\z/ } @missing;
    }
}
for (@missing) {
    say "docs/openapi.yaml: $_: no test has seen it";
    $bad = 1;
}
say "$all answers are named, ", scalar(grep { $seen{$_} } keys
    Tavus::Test::OpenApi->document->named->%*), ' were seen';
exit $bad;
