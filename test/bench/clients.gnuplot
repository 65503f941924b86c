# Requests a second of 8 connections; data and about come from the caller.
set terminal svg size 800,460 font 'sans,13' background 'white'
set title 'Requests a second, 8 connections over a Unix socket'
set xlabel about noenhanced font 'sans,8'
set datafile separator "\t"
set style fill solid 0.8
set boxwidth 0.7
set yrange [0:*]
set format y "%'.0f"
set grid y
set xtics rotate by -25 noenhanced
unset key
plot data using 0:3:xtic(1) with boxes lc rgb '#336791'
