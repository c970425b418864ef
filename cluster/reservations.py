"""What an actor has reserved on the cluster, and giving it back after its death.

Ray ends the actors that a dead one owned, but keeps its placement groups until the driver goes.
"""

import time

import ray
from ray import PlacementGroupID
from ray._private.state import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]
from ray.util.placement_group import PlacementGroup, remove_placement_group

POLL_SECONDS = 0.1


def give_back(actor_id: str, *, within_seconds: float) -> None:
    """Remove an actor's placement groups, and wait until what they held is free, or time is up.

    `actor_id` is in hex. Workers within the groups are killed by Ray.
    """
    groups = _made_by(actor_id)
    for group in groups:
        remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(group))))
    give_up = time.monotonic() + within_seconds
    while groups & _holding() and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)


def _made_by(actor_id: str) -> set[str]:
    """The ids, in hex, of the placement groups that an actor has made and that hold something.

    Ray's public table does not say who has made a group, hence this look into the private one.
    """
    accessor = state._connect_and_get_accessor()
    table = map(PlacementGroupTableData.FromString, accessor.get_placement_group_table())
    return {
        group.placement_group_id.hex()
        for group in table
        if group.creator_actor_id.hex() == actor_id
    }


def _holding() -> set[str]:
    """The ids, in hex, of all placement groups that still hold resources."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    # Held ones are named CPU_group_<id>, CPU_group_<bundle>_<id>, ...
    return {name.rpartition("_")[2] for name in resources if "_group_" in name}
