#!/usr/bin/perl
# docs/openapi.yaml as JSON; with --c as C, for the module, whose version it gets.
use v5.36;
use JSON::PP ();
use YAML::XS ();

my $c = @ARGV && $ARGV[0] eq '--c' && shift;
my ($dir) = $0 =~ m{^(.*)/[^/]*\z} ? $1 : '.';

$YAML::XS::Boolean = 'JSON::PP';
my $text = JSON::PP->new->utf8->canonical->encode(
    YAML::XS::LoadFile("$dir/openapi.yaml"));

if (!$c) {
    say $text;
    exit;
}

say '/* made by docs/openapi.pl of docs/openapi.yaml */';
say '#include <stddef.h>';
say 'extern const char    ngx_tavus_openapi_json[];';
say 'extern const size_t  ngx_tavus_openapi_len;';
say 'const char  ngx_tavus_openapi_json[] =';

# a line is cut between any two bytes, so what is not ASCII is in octal
for my $line ($text =~ /.{1,72}/gs) {
    $line =~ s/(["\\])/\\$1/g;
    $line =~ s/([^ -~])/sprintf '\\%03o', ord $1/ge;
    $line =~ s/\?\?/?\\?/g;
    say qq{"$line"};
}

say ';';
say 'const size_t  ngx_tavus_openapi_len = sizeof(ngx_tavus_openapi_json) - 1;';
