"""Import: replies that others published, stored as a run of a measure.

One invariant: an imported run is to scorers and statistics like any other, and to a reader never mistaken
for one: its run holds the hashes, source and licence of the tables, and every ask of it is marked as
imported and has the published prompt or none.

The same tables imported the same way are the same run: nothing is stored twice, and an import that was
interrupted goes on where it stopped.
"""

from gnomon.run.importing.placing import Mapped
from gnomon.run.importing.request import ImportRequest
from gnomon.run.importing.storing import Imported, import_replies

__all__ = ["ImportRequest", "Imported", "Mapped", "import_replies"]
