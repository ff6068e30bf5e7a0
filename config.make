# docs/openapi.yaml, compiled into the module

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/tavus_openapi.c:	$ngx_addon_dir/docs/openapi.yaml \
	$ngx_addon_dir/docs/openapi.pl
	perl $ngx_addon_dir/docs/openapi.pl --c > $NGX_OBJS/tavus_openapi.tmp
	mv $NGX_OBJS/tavus_openapi.tmp $NGX_OBJS/tavus_openapi.c

END
