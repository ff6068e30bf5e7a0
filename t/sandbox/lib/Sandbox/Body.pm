package Sandbox::Body;

# What a request has brought, unpacked if it was packed.

use v5.36;

use IO::Uncompress::Gunzip;

# of whatever there is, to whichever service
use constant MOST => 32 * 1024 * 1024;

# The bytes; undef if they are not what Content-Encoding says, or too many.
sub unpacked ($req) {
    my $bytes = $req->body;
    my $how = lc($req->headers->content_encoding // 'identity');
    return $bytes if $how eq 'identity';
    return undef if $how ne 'gzip';

    my $in = IO::Uncompress::Gunzip->new(\$bytes, Strict => 1) or return undef;
    my $out = '';
    while ((my $n = $in->read(my $some, 65536)) != 0) {
        return undef if $n < 0 || length($out) + $n > MOST;
        $out .= $some;
    }
    return $out;
}

1;
