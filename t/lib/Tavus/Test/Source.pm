package Tavus::Test::Source;

# What the module's source tells of itself.
#
#   my @directives = directives();      # [name, contexts and arguments, setter]

use v5.36;
use Exporter qw(import);
use Cwd qw(abs_path);
use File::Basename qw(dirname);

our @EXPORT_OK = qw(directives);

my $ROOT = abs_path(dirname(__FILE__) . '/../../../..');

# The rows of all command tables.
sub directives () {
    my @directives;

    for my $file (glob("$ROOT/ngx_tavus_module/*.c"),
        glob("$ROOT/ngx_tavus_module/*/*.c"))
    {
        open my $in, '<', $file or die "$file: $!\n";
        my $text = do { local $/; <$in> };
        close $in;

        for my $table ($text =~ /^static ngx_command_t .*?\{(.*?)^\};/gms) {
            push @directives, [$1, $2, $3] while $table =~
                /\{ ngx_string\("(\w+)"\),\s+([A-Z0-9_|\s]+?),\s+(\w+),/g;
        }
    }

    return @directives;
}

1;
