# One call in the server: a hit beside what it could be compared with.

read_figures -f "$TOP/test/bench/calls.sql"
printf 'document %s bytes; copy %.1f ns, hit %.1f ns, subselect %.0f ns, merge %.0f ns (loop %.1f ns, taken off)\n' \
	"$ns_bytes" "$ns_copy" "$ns_hit" "$ns_subselect" "$ns_merge" "$ns_loop"

row "hit over a C function that only copies the same bytes" "$(ratio "$ns_hit" "$ns_copy")" '<= 2.5'
row "primary-key subselect on a precomputed table over a hit" "$(ratio "$ns_subselect" "$ns_hit")" '>= 10'
row "uncached merge over a hit" "$(ratio "$ns_merge" "$ns_hit")" '>= 8'
