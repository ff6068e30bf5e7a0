#!/usr/bin/perl

# tavus-check: what can be amiss with the folder of the journal.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::Process qw(spew);

my $t = check_test();
my $dir = $t->dir . '/journal';
my $root = $> == 0;

sub at ($path, $size = '16m') {
    return check($t, '--no-store', conf => other_conf($t, sub ($text) { $text },
        http => {tavus_journal => "$path max_size=$size"}));
}

subtest 'of another owner' => sub {
    plan skip_all => 'not root' unless $root;
    my ($uid, $gid) = (stat $dir)[4, 5];
    chown 0, 0, $dir;
    my $c = check($t, '--no-store');
    says($c, 'journal', 'writable', FAIL => qr/Permission denied|may not/,
        qr/chown www-data/);
    chown $uid, $gid, $dir;
    done_testing;
};

subtest 'in a folder that is closed' => sub {
    plan skip_all => 'not root' unless $root;
    mkdir $t->dir . '/closed', 0700;
    mkdir $t->dir . '/closed/journal', 0700;
    chown +(getpwnam 'www-data')[2, 3], $t->dir . '/closed/journal';
    my $c = at($t->dir . '/closed/journal');
    says($c, 'journal', 'writable', FAIL => qr{may not enter \S+/closed\b},
        qr/folders above/);
    alone($c, 'journal', 'writable');
    done_testing;
};

subtest 'that is not there' => sub {
    my $c = at('%%DIR%%/nowhere');
    says($c, 'journal', 'folder', FAIL => qr/is not there, though nginx runs/,
        qr/reload/);
    alone($c, 'journal', 'folder');
    done_testing;
};

subtest 'on what does not survive' => sub {
    plan skip_all => 'no tmpfs' unless -w '/dev/shm'
        && `stat -f -c %T /dev/shm` =~ /tmpfs/;
    my $on = Tavus::Test::Process::new_dir();
    my $shm = "/dev/shm/tavus-check.$$";
    mkdir $shm, 0700;
    chown +(getpwnam 'www-data')[2, 3], $shm if $root;
    # the sandbox is no place for what must not be lost
    my $c = at($shm);
    says($c, 'journal', 'disk', warn => qr/tmpfs.*does not survive/, qr/disk/);
    $c = check($t, '--no-store', conf => other_conf($t, sub ($text) { $text },
        http => {tavus_journal => "$shm max_size=16m", tavus_sandbox => 'off',
            tavus_deliver => undef, tavus_api_url => undef,
            tavus_stripe_api_url => undef}), args => ['--timeout', 1]);
    says($c, 'journal', 'disk', FAIL => qr/tmpfs.*does not survive/, qr/disk/);
    rmdir $shm;
    done_testing;
};

subtest 'larger than the disk' => sub {
    my $c = at('%%DIR%%/journal', '900000g');
    says($c, 'journal', 'space', warn => qr/are free/, qr/max_size/);
    done_testing;
};

subtest 'with files of others, and damaged ones' => sub {
    plan skip_all => 'not root' unless $root;
    spew("$dir/1-2.damaged", 'x', 0600);
    my $c = check($t, '--no-store');
    says($c, 'journal', 'files', FAIL => qr/1-2\.damaged/, qr/chown/);
    alone($c, 'journal', 'files');
    chown +(getpwnam 'www-data')[2, 3], "$dir/1-2.damaged";
    $c = check($t, '--no-store');
    says($c, 'journal', 'damaged', warn => qr/1-2\.damaged/, qr/storage\.md/);
    is $c->{exit}, 0, 'a warning';
    unlink "$dir/1-2.damaged";
    done_testing;
};

subtest 'none at all' => sub {
    my $c = check($t, '--no-store', conf => other_conf($t, sub ($text) { $text },
        http => {tavus_journal => undef}));
    says($c, 'journal', 'folder', warn => qr/no tavus_journal/, qr/tavus_journal/);
    done_testing;
};

done_testing;
