"""OpenTofu (or Terraform) driven from Python: one node replaced by one checked plan, resumed after a kill anywhere.

    tofu = Terraform(folder, get_binary(print), run_folder)
    tofu.apply(tofu.plan_replace('module.cassandra.terraform_data.node["n3"]'))

It knows no Cassandra: whether a node is healthy is asked elsewhere, and a plan without changes proves nothing.
"""
