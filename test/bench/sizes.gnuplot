# Nanoseconds a hit over the number of entries; data and about come from the caller.
set terminal svg size 800,460 font 'sans,13' background 'white'
set title 'Nanoseconds a hit'
set xlabel "entries\n".about noenhanced font "sans,9"
set logscale x
set format x '10^{%L}'
set ylabel 'ns'
set yrange [0:*]
set key top left
set grid y
plot data using 1:2 with linespoints lw 2 pt 7 title 'keys drawn uniformly', \
	data using 1:3 with linespoints lw 2 pt 7 title 'by Zipf, 0.99', \
	data using 1:4 with linespoints lw 2 pt 7 dt 2 title 'one probe of a plain hash table'
