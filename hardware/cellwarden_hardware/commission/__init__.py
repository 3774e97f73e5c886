"""`cellwarden commission`: the checks before and after power-up, guided, with a report to sign.

`trials` shows on a simulated pack with the owner's own settings that each protection acts; `real`
lets the real one show it too, if a person asks for it; `guide` is the conversation, `command` the
command line.
"""
