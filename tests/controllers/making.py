"""Makes policies for tests."""

import inspect

from enas_tf.controllers import policy as policies


def make(policy_type, space, *, seed=0, **arguments):
  """Returns a policy; its arguments may be settings, or its own."""
  settings = inspect.signature(policy_type).parameters["settings"].default
  shared = {
    name: arguments.pop(name)
    for name in policies.PolicySettings._fields
    if name in arguments
  }
  return policy_type(space, settings._replace(**shared), seed=seed, **arguments)
