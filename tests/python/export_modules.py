# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""Modules for test_export.py: networks as people write them, and some that no file can hold."""

import torch
from torch import nn


class Normalised(nn.Module):
    """(x − mean) / std per channel."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.49, 0.48, 0.45]))
        self.register_buffer("std", torch.tensor([0.25, 0.24, 0.26]))

    def forward(self, x):
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.relu(x + self.norm(self.conv2(torch.relu(self.conv1(x)))))


class BasicBlock(nn.Module):
    """As torchvision writes it."""

    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = nn.Conv2d(outs, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs)
        self.downsample = None
        if stride != 1 or ins != outs:
            self.downsample = nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        ins = 64
        for k, outs in enumerate((64, 128, 256, 512), 1):
            blocks = BasicBlock(ins, outs, 1 if k == 1 else 2), BasicBlock(outs, outs, 1)
            setattr(self, f"layer{k}", nn.Sequential(*blocks))
            ins = outs
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Body(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return self.body(x)


class Unexportable(nn.Module):
    """Its fourth layer has no operators of ONNX."""

    def __init__(self):
        super().__init__()
        pool = nn.FractionalMaxPool2d(2, output_size=3)
        layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 3, padding=1), pool
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(36, 2))

    def forward(self, x):
        return self.features(x)


class Broken(Body):
    """Its last layer does not fit."""

    def __init__(self):
        super().__init__(Normalised(), nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Flatten())
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.body(x))


class Choice(nn.Module):
    def forward(self, x):
        return -x if x.sum() > 0 else x


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.choice, self.last = Choice(), nn.Conv2d(3, 2, 3)

    def forward(self, x):
        return self.last(self.choice(x))


class Joined(nn.Module):
    """Takes two inputs."""

    def forward(self, x, y):
        return x + y


class Silent(nn.Module):
    """Fails without a word."""

    def forward(self, x):
        raise AssertionError


class Slope(nn.Module):
    """A function between two layers."""

    def __init__(self, function):
        super().__init__()
        self.function, self.a, self.b = function, nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(self.function(self.a(x)))


def dense():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def conv():
    torch.manual_seed(5)
    return settled(
        Body(
            Normalised(), nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.LeakyReLU(0.1), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(96, 3),
        )
    )


def settled(net):
    """The module with batch normalisations that look trained."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return net
