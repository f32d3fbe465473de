"""The reference, written from the classes themselves: the spec, the plugins, the messages, the store, the gallery.

    classes, docstrings, schema, sources ──▶ pages (path → text) ──▶ files, or a comparison with them

One invariant: a page is a function of what is installed and of nothing else (no time, no path of a machine, no
version), so that a difference between a page and its file means that somebody changed one of them.

``python -m gnomon.reference`` at the root of a checkout writes all pages anew; ``scripts/generate`` does that, and
renews the validations of changed measures before.
"""
