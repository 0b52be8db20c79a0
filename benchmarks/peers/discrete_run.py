"""Train one agent with discrete actions and print its evaluation returns as JSON: SB3's DQN, or PyTorch's discrete SAC.

Runs in the peers' environment and imports nothing of this suite. SB3 is used as it is published; its clipping of
gradients can be set aside by a large norm. No package trains discrete SAC on vectors of numbers: CleanRL's
`sac_atari.py` is for images alone. So its losses are written here in PyTorch for networks of linear layers, in
CleanRL's order of steps: critics, actor with the new critics, temperature, targets.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import math
import sys
import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN
from torch.nn import functional

EVALUATION_SEED = 1_000_003


def mlp(sizes: list[int]) -> torch.nn.Sequential:
    """Linear layers of these sizes with ReLUs between them, at PyTorch's default initialisation."""
    layers: list[torch.nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


class DiscreteSAC:
    """Christodoulou 2019 (arXiv 1910.07207); replay in NumPy arrays, an update of everything per environment step."""

    def __init__(self, env: gym.Env, args: argparse.Namespace):
        self.env, self.args, self.random = env, args, np.random.default_rng(args.seed)
        size, self.actions = env.observation_space.shape[0], int(env.action_space.n)
        network = lambda: mlp([size, *args.hidden, self.actions])
        self.actor, self.critics, self.targets = network(), [network(), network()], [network(), network()]
        for target, critic in zip(self.targets, self.critics, strict=True):
            target.load_state_dict(critic.state_dict())
        self.log_alpha = torch.zeros(1, requires_grad=True)
        adam = lambda params: torch.optim.Adam(params, lr=args.learning_rate)
        self.critic_optimizer = adam([p for critic in self.critics for p in critic.parameters()])
        self.actor_optimizer, self.alpha_optimizer = adam(self.actor.parameters()), adam([self.log_alpha])
        self.target_entropy = args.target_entropy * math.log(self.actions)
        shapes = {"obs": (size,), "next_obs": (size,), "action": (), "reward": (), "terminated": ()}
        self.rows = {name: np.zeros((args.capacity, *shape), np.float32) for name, shape in shapes.items()}
        self.count, self.obs = 0, env.reset(seed=args.seed)[0]

    def learn(self, steps: int) -> None:
        for _ in range(steps):
            warm = self.count < self.args.warmup
            action = int(self.random.integers(self.actions)) if warm else self.sample(self.obs)
            after, reward, terminated, truncated, _ = self.env.step(action)
            place = self.count % self.args.capacity
            row = {"obs": self.obs, "next_obs": after, "action": action, "reward": reward, "terminated": terminated}
            for name, value in row.items():
                self.rows[name][place] = value
            self.count += 1
            self.obs = self.env.reset()[0] if terminated or truncated else after
            if self.count > self.args.warmup:
                self.update()

    def sample(self, obs: np.ndarray) -> int:
        with torch.no_grad():
            return int(torch.distributions.Categorical(logits=self.actor(torch.as_tensor(obs))).sample())

    def predict(self, obs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.actor(torch.as_tensor(obs)).argmax(1).numpy()

    def update(self) -> None:
        chosen = self.random.integers(min(self.count, self.args.capacity), size=self.args.batch)
        batch = {name: torch.as_tensor(rows[chosen]) for name, rows in self.rows.items()}
        alpha = self.log_alpha.exp().item()
        with torch.no_grad():
            log_pi = functional.log_softmax(self.actor(batch["next_obs"]), dim=1)
            next_q = torch.minimum(*(target(batch["next_obs"]) for target in self.targets))
            value = (log_pi.exp() * (next_q - alpha * log_pi)).sum(1)
            target = batch["reward"] + self.args.gamma * (1 - batch["terminated"]) * value
        taken = batch["action"].long()[:, None]
        values = [critic(batch["obs"]).gather(1, taken)[:, 0] for critic in self.critics]
        self.descend(self.critic_optimizer, sum(functional.mse_loss(value, target) for value in values))
        log_pi = functional.log_softmax(self.actor(batch["obs"]), dim=1)
        with torch.no_grad():
            q = torch.minimum(*(critic(batch["obs"]) for critic in self.critics))
        self.descend(self.actor_optimizer, (log_pi.exp() * (alpha * log_pi - q)).sum(1).mean())
        log_pi = log_pi.detach()
        gap = (log_pi.exp() * (log_pi + self.target_entropy)).sum(1).mean()
        self.descend(self.alpha_optimizer, -self.log_alpha.exp() * gap)
        for target_network, critic in zip(self.targets, self.critics, strict=True):
            for old, new in zip(target_network.parameters(), critic.parameters(), strict=True):
                old.data.lerp_(new.data, self.args.tau)

    def descend(self, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def make(args: argparse.Namespace) -> tuple[Callable[[int], None], Callable[[np.ndarray], np.ndarray]]:
    """`(train for some steps, greedy actions of observations)` of the agent that the arguments describe."""
    env = gym.make(args.task)
    if args.algorithm == "sac-discrete":
        agent = DiscreteSAC(env, args)
        return agent.learn, agent.predict
    model = DQN(
        "MlpPolicy",
        env,
        learning_rate=args.learning_rate,
        buffer_size=args.capacity,
        learning_starts=args.warmup,
        batch_size=args.batch,
        gamma=args.gamma,
        train_freq=args.block,
        gradient_steps=args.block // args.train_every,
        target_update_interval=args.target_every,
        exploration_fraction=args.epsilon_share,
        exploration_final_eps=args.epsilon_last,
        max_grad_norm=args.max_grad_norm,
        policy_kwargs={"net_arch": list(args.hidden)},
        seed=args.seed,
    )
    return whole_budget(model, args), lambda obs: model.predict(obs, deterministic=True)[0]


def whole_budget(model: DQN, args: argparse.Namespace) -> Callable[[int], None]:
    """`learn` in pieces, with ε following the whole budget; SB3 would let it fall anew over every piece's end."""

    def learn(steps: int) -> None:
        from stable_baselines3.common.callbacks import BaseCallback

        class Schedule(BaseCallback):
            def _on_rollout_start(self) -> None:
                model._total_timesteps = args.steps

            def _on_step(self) -> bool:
                return True

        model.learn(steps, reset_num_timesteps=False, log_interval=10**9, callback=Schedule())

    return learn


def evaluate(predict: Callable, task: str, episodes: int, seed: int) -> list[float]:
    """Undiscounted returns of `episodes` episodes of the greedy policy, side by side."""
    envs = [gym.make(task) for _ in range(episodes)]
    obs = np.stack([env.reset(seed=seed + i)[0] for i, env in enumerate(envs)])
    returns, active = np.zeros(episodes), np.ones(episodes, bool)
    while active.any():
        actions = predict(obs)
        for i in np.flatnonzero(active):
            obs[i], reward, terminated, truncated, _ = envs[i].step(int(actions[i]))
            returns[i] += reward
            active[i] = not (terminated or truncated)
    return returns.tolist()


def run(args: argparse.Namespace) -> dict:
    """Train in equal pieces and evaluate after each."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    learn, predict = make(args)
    piece = args.steps // args.points
    returns, seconds = [], []
    for point in range(args.points):
        begin = time.perf_counter()
        learn(piece)
        seconds.append(time.perf_counter() - begin)
        seed = EVALUATION_SEED + 10_000 * args.seed + args.episodes * point
        returns.append(evaluate(predict, args.task, args.episodes, seed))
    names = ("stable-baselines3", "torch", "gymnasium", "numpy")
    return {
        "settings": vars(args),
        "steps": [piece * (point + 1) for point in range(args.points)],
        "returns": returns,
        "train_seconds": seconds,
        "versions": {name: importlib.metadata.version(name) for name in names},
    }


def parser() -> argparse.ArgumentParser:
    """Every setting of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=("dqn", "sac-discrete"), required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--seed", type=int, required=True)
    for name in ("steps", "points", "episodes", "batch", "capacity", "warmup"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--hidden", type=int, nargs="+", required=True)
    for name in ("learning-rate", "gamma"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--block", type=int, default=1, help="environment steps between rounds of gradient steps")
    parser.add_argument("--train-every", type=int, default=1, help="environment steps per gradient step")
    parser.add_argument("--target-every", type=int, default=1, help="steps between copies of DQN's target network")
    parser.add_argument("--epsilon-share", type=float, default=0.5)
    parser.add_argument("--epsilon-last", type=float, default=0.05)
    parser.add_argument("--max-grad-norm", type=float, default=10.0)
    parser.add_argument("--tau", type=float, default=0.005, help="of discrete SAC's targets, per update")
    parser.add_argument("--target-entropy", type=float, default=0.89, help="in shares of log|A|")
    return parser


if __name__ == "__main__":
    json.dump(run(parser().parse_args()), sys.stdout)
