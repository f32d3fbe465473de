"""Valid specs of several shapes, each for a file named ``valid.toml``."""

from __future__ import annotations

FULL = '''measure = "valid"
title = "Words sorted by label"
version = 1
seed = 7
needs = ["chat"]
about = """Words are
sorted."""
cites = ["arXiv:2402.04105", "doi:10.1000/xyz", "isbn:0-306-40615-2", "https://example.org/p"]
tags = ["words"]

[roles]
judge = "reads the answers"

[stimuli]
use = "two-items"
count = 2

[design]
repeats = 3

[design.factors]
order = ["ab", "ba"]

[design.factors.wording]
plain = { ask = "Sort", hints = ["a", "b"] }
long = { ask = "Please sort", hints = [] }

[design.balanced]
side = ["l", "r"]

[[design.draw]]
name = "shown"
shuffle = "words"

[[design.draw]]
name = "some"
sample = ["words", "left"]
count = 2
join = " / "
only = { wording = "plain" }

[[design.draw]]
name = "some"
pick = "words"
only = { wording = ["long"] }

[[design.draw]]
name = "labels"
arrange = ["left", "right"]
by = "order"
into = ["first", "second"]

[decoding]
temperature = 0.7
top_p = 1
top_k = 0
max_tokens = 300
stop = ["END"]
logprobs = 5

[[turn]]
name = "sorted"
system = "You sort words."
user = "{ask} {shown}, {some}: {first} or {second}? {wording} {topic} {hints} {{}}"
decoding.temperature = 0

[turn.constraint]
user = "{ask} {shown}"
options = ["{first}", "{second}"]
each = "shown"
line = "{each} - "

[[turn]]
assistant = "I see: {sorted}"

[[turn]]
name = "why"
user = "Why {sorted}?"
samples = 2
only = { wording = "plain", order = ["ab", "ba"] }

[[turn]]
name = "judged"
role = "judge"
user = "Is {sorted} right?"
fresh = true
constraint = { when = "always", regex = "yes|no" }

[[score]]
use = "share"

[[score]]
use = "share"
as = "reversed"
reverse = true
weights = { oak = 1 }
only = { wording = "plain" }

[[score]]
use = "judged"

[[statistic]]
use = "mean"
of = ["share", "reversed.unread"]
by = ["topic", "side", "item"]
where = { wording = "plain", topic = "nature", format = ["free"] }
correction = "double"
family = "all"
against = 1

[[statistic]]
use = "mean"
as = "judged-mean"
of = "judged.anything"

[expect]
"mean.d" = { min = -1, max = 1.5 }
"judged-mean.value" = { min = 0 }
'''

MINIMAL = """measure = "valid"
title = "Words"
version = 1
seed = 0
needs = ["chat"]


[stimuli]
use = "two-items"

[[turn]]

user = "Hello"

"""

KINDS = """measure = "valid"
title = "Every kind of ask"
version = 2
seed = 9223372036854775807
needs = ["chat", "choose", "loglik", "embed", "hidden"]
stimuli = { use = "two-items" }
turn = [
  { name = "chosen", kind = "choose", user = "Pick", options = ["{words}"] },
  { name = "likely", kind = "loglik", text = "{words}", user = "before" },
  { name = "near", kind = "embed", texts = ["{words}", "{left}"] },
  { name = "inside", kind = "hidden", texts = ["{words}"], layers = [0, -1], pooling = "last" },
  { name = "begun", prefill = "It is" },
]
"""

ASKING = """measure = "valid"
title = "Items from a model"
version = 1
seed = 1
needs = ["chat"]

[roles]
generator = "makes the items"

[stimuli]
use = "asking"

[[turn]]
user = "{anything}"

[[score]]
use = "share"

[[statistic]]
use = "mean"
of = "share"
by = ["anything"]
"""
