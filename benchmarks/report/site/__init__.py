"""The site of the results: static pages that a browser opens from the disk, without a server or a network.

`catalogue` reads what reports and records say, `curve_data` and `sweeps` make the data that pages load on demand,
`pages` renders the templates, and `write` puts all of it in place. Data are scripts that hand themselves to the page,
because a browser reads no other file from a page on the disk.

Curves are drawn by uPlot 1.6.32 (MIT licence, in `static/`). It is one file of 51 kB without dependencies. Observable
Plot with D3 has 490 kB, Vega-Lite with Vega 770 kB, and Plotly's basic build 1.2 MB. uPlot draws hundreds of seeds at
once. It draws on a canvas, which a screen reader cannot read. Each chart therefore has a name, a table of its values,
and a read-out that the arrow keys move.
"""
