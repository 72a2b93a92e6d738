"""The endpoints that serve versions and their deployments, as any client of AWS reads them.

workflow     the deployed state machine of a pipeline, its settings, and how it is started
deployment   an execution of it: what was done in which region, out of the execution's history
news         the same in words, a line for each thing that happened
watch        follows an execution until it has ended
state        which version each region serves
answers      a request to an endpoint

Knows no configs: what is deployed is read from what is deployed.
"""
