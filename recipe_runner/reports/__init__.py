"""Runs as something to look at: one self-contained HTML file, or a page that follows a live run.

`assemble` reads run directories into plain data, `page` makes HTML of the data, `server` keeps it
fresh. What the page itself does is in `page/`: scripts, styles, and the bundled chart library.
Imports `runs` and what is below it, and nothing heavy.
"""
