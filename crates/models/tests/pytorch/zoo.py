"""The zoo in PyTorch: layers and names as the references publish them.

ImageNet networks are torchvision's own. The others follow the published descriptions: layers, order
and names are what a checkpoint of the reference has.
"""

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def conv3(inputs, outputs, stride=1, bias=False):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias)


def conv1(inputs, outputs, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, 1, stride, 0, groups=groups, bias=False)


def depthwise(channels, stride):
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def mean_of_maps(x):
    return x.mean((2, 3))


class BatchStatNorm(nn.Module):
    """The tutorial's batch norm without running statistics, with its own names."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        x = F.batch_norm(x, None, None, training=True)
        return self.scale.view(1, -1, 1, 1) * x + self.shift.view(1, -1, 1, 1)


class TutorialVgg(nn.Module):
    """One list of layers: dropout where asked for, convolution, norm, ReLU; pooling ends a block."""

    def __init__(self, blocks, classes=10, dropout=0.0, norm=nn.BatchNorm2d):
        super().__init__()
        layers, inputs = [], 3
        for block in blocks:
            for outputs in block:
                if dropout:
                    layers.append(nn.Dropout(dropout))
                layers += [conv3(inputs, outputs, bias=True), norm(outputs), nn.ReLU()]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.fc(mean_of_maps(self.layers(x)))


class RepDistillerVgg(nn.Module):
    def __init__(self, blocks, classes):
        super().__init__()
        inputs = 3
        for index, block in enumerate(blocks):
            layers = []
            for outputs in block:
                layers += [conv3(inputs, outputs, bias=True), nn.BatchNorm2d(outputs), nn.ReLU()]
                inputs = outputs
            setattr(self, f"block{index}", nn.Sequential(*layers[:-1]))
        self.classifier = nn.Linear(512, classes)

    def forward(self, x):
        for index in range(5):
            x = F.relu(getattr(self, f"block{index}")(x))
            if index < 3:
                x = F.max_pool2d(x, 2)
        return self.classifier(mean_of_maps(x))


class PadShortcut(nn.Module):
    def __init__(self, missing):
        super().__init__()
        self.missing = missing

    def forward(self, x):
        each = self.missing // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, each, self.missing - each))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, option):
        super().__init__()
        self.conv1, self.bn1 = conv3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3(outputs, outputs), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        if option == "a":
            self.shortcut = nn.Sequential() if same else PadShortcut(outputs - inputs)
        else:
            self.downsample = None
            if not same:
                norm = nn.BatchNorm2d(outputs)
                self.downsample = nn.Sequential(conv1(inputs, outputs, stride), norm)
        self.option = option

    def forward(self, x):
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.option == "a":
            return F.relu(inner + self.shortcut(x))
        return F.relu(inner + (x if self.downsample is None else self.downsample(x)))


class CifarResNet(nn.Module):
    def __init__(self, depth, widths, option, classes):
        super().__init__()
        self.conv1, self.bn1 = conv3(3, widths[0]), nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        for stage, outputs in enumerate(widths[1:]):
            blocks = []
            for block in range((depth - 2) // 6):
                stride = 2 if stage and not block else 1
                blocks.append(BasicBlock(inputs, outputs, stride, option))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.last = "linear" if option == "a" else "fc"
        setattr(self, self.last, nn.Linear(inputs, classes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return getattr(self, self.last)(mean_of_maps(x))


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3(outputs, outputs)
        self.same = inputs == outputs
        if not self.same:
            self.convShortcut = conv1(inputs, outputs, stride)

    def forward(self, x):
        normed = F.relu(self.bn1(x))
        inner = self.conv2(F.relu(self.bn2(self.conv1(normed))))
        return inner + (x if self.same else self.convShortcut(normed))


class WideStage(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, depth, widen, classes):
        super().__init__()
        self.conv1 = conv3(3, 16)
        inputs = 16
        for stage in range(3):
            blocks, outputs = [], (16 << stage) * widen
            for block in range((depth - 4) // 6):
                blocks.append(WideBlock(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
            setattr(self, f"block{stage + 1}", WideStage(blocks))
        self.bn1, self.fc = nn.BatchNorm2d(inputs), nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(mean_of_maps(F.relu(self.bn1(x))))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            conv1(inputs, hidden), nn.BatchNorm2d(hidden), nn.ReLU(),
            depthwise(hidden, stride), nn.BatchNorm2d(hidden), nn.ReLU(),
            conv1(hidden, outputs), nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class SmallMobileNetV2(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        stages = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                  (6, 160, 3, 2), (6, 320, 1, 1)]
        inputs = int(32 * width)
        self.conv1 = nn.Sequential(conv3(3, inputs, 2), nn.BatchNorm2d(inputs), nn.ReLU())
        self.blocks = nn.ModuleList()
        for expansion, channels, count, stride in stages:
            outputs, blocks = int(channels * width), []
            for index in range(count):
                step = 1 if index else stride
                blocks.append(InvertedResidual(inputs, outputs, step, expansion))
                inputs = outputs
            self.blocks.append(nn.Sequential(*blocks))
        self.conv2 = nn.Sequential(conv1(inputs, 1280), nn.BatchNorm2d(1280), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def forward(self, x):
        x = self.conv1(x)
        for stage in self.blocks:
            x = stage(x)
        return self.classifier(mean_of_maps(self.conv2(x)))


def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleV1Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        middle = outputs // 4
        self.groups = 1 if inputs == 24 else 3
        self.stride = stride
        self.conv1, self.bn1 = conv1(inputs, middle, groups=self.groups), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = depthwise(middle, stride), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = conv1(middle, outputs, groups=3), nn.BatchNorm2d(outputs)

    def forward(self, x):
        inner = shuffle(F.relu(self.bn1(self.conv1(x))), self.groups)
        inner = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(inner)))))
        if self.stride == 2:
            return F.relu(torch.cat([inner, F.avg_pool2d(x, 3, 2, 1)], 1))
        return F.relu(inner + x)


class ShuffleV1(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = conv1(3, 24), nn.BatchNorm2d(24)
        inputs = 24
        for stage, (outputs, count) in enumerate([(240, 4), (480, 8), (960, 4)]):
            blocks = []
            for index in range(count):
                own = outputs if index else outputs - inputs
                blocks.append(ShuffleV1Block(inputs, own, 1 if index else 2))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(mean_of_maps(self.layer3(self.layer2(self.layer1(x)))))


class ShuffleV2Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1, self.bn1 = conv1(half, half), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = depthwise(half, 1), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv1(half, half), nn.BatchNorm2d(half)

    def forward(self, x):
        passing, inner = x.chunk(2, 1)
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(inner)))))
        inner = F.relu(self.bn3(self.conv3(inner)))
        return shuffle(torch.cat([passing, inner], 1), 2)


class ShuffleV2Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        half = outputs // 2
        self.conv1, self.bn1 = depthwise(inputs, 2), nn.BatchNorm2d(inputs)
        self.conv2, self.bn2 = conv1(inputs, half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv1(inputs, half), nn.BatchNorm2d(half)
        self.conv4, self.bn4 = depthwise(half, 2), nn.BatchNorm2d(half)
        self.conv5, self.bn5 = conv1(half, half), nn.BatchNorm2d(half)

    def forward(self, x):
        left = F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = F.relu(self.bn3(self.conv3(x)))
        right = F.relu(self.bn5(self.conv5(self.bn4(self.conv4(right)))))
        return shuffle(torch.cat([left, right], 1), 2)


class ShuffleV2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = conv1(3, 24), nn.BatchNorm2d(24)
        inputs = 24
        for stage, (outputs, count) in enumerate([(116, 3), (232, 7), (464, 3)]):
            blocks = [ShuffleV2Down(inputs, outputs)]
            blocks += [ShuffleV2Block(outputs) for _ in range(count)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.conv2, self.bn2 = conv1(inputs, 1024), nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(mean_of_maps(F.relu(self.bn2(self.conv2(x)))))


class Perceptron(nn.Module):
    def __init__(self, pixels, hidden, classes):
        super().__init__()
        sizes = [pixels, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.fc = nn.Linear(sizes[-1], classes)

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.fc(x)


def of_timm(name):
    import timm  # Only these need it.

    return timm.create_model(name)


def with_cifar_stem(network):
    network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.maxpool = nn.Identity()
    return network


LARGE = [[64, 64], [128, 128], [256] * 3, [512] * 3, [512] * 3]
SMALL = [[32, 32], [64, 64], [128], [128], [128]]
THIN, WIDE = [16, 16, 32, 64], [32, 64, 128, 256]

# Name here and in the Rust zoo, input [channels, side], classes, network.
MODELS = [
    ("vgg-large", [3, 32], 10, lambda: TutorialVgg(LARGE, dropout=0.1)),
    ("vgg-small", [3, 32], 10, lambda: TutorialVgg(SMALL)),
    ("resnet20", [3, 32], 10, lambda: CifarResNet(20, THIN, "a", 10)),
    ("resnet56", [3, 32], 10, lambda: CifarResNet(56, THIN, "a", 10)),
    ("resnet8x4", [3, 32], 100, lambda: CifarResNet(8, WIDE, "b", 100)),
    ("resnet32x4", [3, 32], 100, lambda: CifarResNet(32, WIDE, "b", 100)),
    ("wrn-16-2", [3, 32], 100, lambda: WideResNet(16, 2, 100)),
    ("wrn-40-1", [3, 32], 100, lambda: WideResNet(40, 1, 100)),
    ("vgg8", [3, 32], 100, lambda: RepDistillerVgg([[64], [128], [256], [512], [512]], 100)),
    ("vgg13", [3, 32], 100, lambda: RepDistillerVgg([[c, c] for c in (64, 128, 256, 512, 512)], 100)),
    ("mobilenet-v2-half", [3, 32], 100, lambda: SmallMobileNetV2(0.5, 100)),
    ("shufflenet-v1", [3, 32], 100, lambda: ShuffleV1(100)),
    ("shufflenet-v2", [3, 32], 100, lambda: ShuffleV2(100)),
    ("resnet18", [3, 64], 1000, lambda: torchvision.models.resnet18()),
    ("resnet50", [3, 64], 1000, lambda: torchvision.models.resnet50()),
    ("resnet18-cifar", [3, 32], 10, lambda: with_cifar_stem(torchvision.models.resnet18(num_classes=10))),
    ("resnet50-cifar", [3, 32], 10, lambda: with_cifar_stem(torchvision.models.resnet50(num_classes=10))),
    ("densenet121", [3, 64], 1000, lambda: torchvision.models.densenet121()),
    ("densenet201", [3, 64], 1000, lambda: torchvision.models.densenet201()),
    ("mobilenet-v2", [3, 64], 1000, lambda: torchvision.models.mobilenet_v2()),
    ("efficientnet-lite0", [3, 64], 1000, lambda: of_timm("tf_efficientnet_lite0")),
    ("efficientnet-lite2", [3, 75], 1000, lambda: of_timm("tf_efficientnet_lite2")),
    ("mlp-800", [1, 28], 10, lambda: Perceptron(784, [800, 800], 10)),
]
