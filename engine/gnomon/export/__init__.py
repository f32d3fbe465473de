"""Results for other programs: whole databases, single views, logs of Inspect, citations.

One invariant: what was exported whole can be imported and is the same database, and every export is one
moment of it. ``moment`` holds that moment, ``cells`` says how values become text, ``files`` and ``parquet``
write and read rows, ``archive`` exports everything and ``restore`` brings it back, ``views`` exports what people
look at, ``inspecting`` writes logs for Inspect's viewer and ``citing`` the papers behind the measures.
"""
