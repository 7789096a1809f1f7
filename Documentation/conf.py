# SPDX-License-Identifier: GPL-2.0
"""Sphinx: these pages as HTML, with extensions and style of the kernel's source in $srctree"""
import os
import sys

kernel = os.path.join(os.environ["srctree"], "Documentation")
sys.path.insert(0, os.path.join(kernel, "sphinx"))

project = "Page arrays for the TDX module"
# automarkup links functions, structures and names of pages.  myst_parser reads Markdown.
extensions = ["automarkup", "kerneldoc", "myst_parser"]
# Folders have no page; the name depends on the version of myst_parser.
suppress_warnings = ["ref.myst", "myst.xref_missing"]
# Older kernels need the path of the program.
kerneldoc_bin = os.path.join(os.environ["srctree"], "scripts", "kernel-doc")
kerneldoc_srctree = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
primary_domain = "c"
highlight_language = "none"
# Change quotes, but not "--".
smartquotes_action = "q"

html_theme = "alabaster"
html_show_copyright = False
html_theme_options = {"page_width": "65em", "body_min_width": "0", "sidebar_width": "15em", "fixed_sidebar": "true",
                      "font_size": "inherit", "font_family": "serif"}
html_static_path = [os.path.join(kernel, "sphinx-static"), "static"]
html_css_files = ["pages.css"]
templates_path = [os.path.join(kernel, "sphinx", "templates")]
html_sidebars = {"**": ["about.html", "searchbox.html", "kernel-toc.html"]}
