"""What makes trainings of CycleGANs fail: seen early, said with its cause, and undone if wanted.

`evidence` measures a few numbers now and then, detectors (`outputs`, `rivals`, `domains`,
`patterns`) are pure functions of the last ones, `watch` decides when a symptom is a finding,
`remedies` what to change about it.
"""
