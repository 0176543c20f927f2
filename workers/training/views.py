"""Augmented views, drawn in batches on the device: cropped, stretched, recoloured, blurred, mixed, in collages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from workers.training.pictures import SIDE, Pictures


@dataclass(frozen=True)
class Augmentation:
    """How often each change happens (probabilities), and how strong it may be."""

    plain: float = 0.3  # the whole picture on white, squashed to a square, as the index worker sees it
    photo: float = 0.2  # a part of a photo that fills its frame, in place of a cut-out
    collage: float = 0.1  # two or four views in one
    mix: float = 0.3  # two views laid over each other, the second with less than half of the weight
    crop: float = 0.6  # of the views that are not plain; the others show the picture smaller, on its ground
    smallest_part: float = 0.3  # share of the area that a crop keeps at least
    smallest_photo_part: float = 0.04
    titled_part: float = 0.6  # a crop that keeps less than this of a picture has no title
    rotate: float = 0.25
    recolour: float = 0.5
    grey: float = 0.1
    blur: float = 0.1
    noise: float = 0.1
    compress: float = 0.15


class Views(NamedTuple):
    """B views: pixels (B, 3, 224, 224) in [0, 1]; the cut-out (B,) whose title says what is seen, −1 for none."""

    pixels: Tensor
    titled: Tensor


def draw(pictures: Pictures, count: int, how: Augmentation, chance: Generator) -> Views:
    """Draw `count` views of pictures that are drawn by their weights."""
    device = pictures.cutouts.device
    rows = torch.multinomial(pictures.weights, count, replacement=True, generator=chance)
    plain = _coins(count, how.plain, chance, device)
    grids, kept = _places(pictures.aspects[rows], how, chance)
    grids = torch.where(plain[:, None, None, None], _identity(count, device), grids)
    ground = torch.where(plain[:, None, None, None], 1.0, _grounds(pictures, count, chance))
    layers = pictures.cutouts[rows].float() / 255
    layers = torch.cat((layers[:, :3] * layers[:, 3:], layers[:, 3:]), dim=1)  # colours weighed by how opaque they are
    layers = functional.grid_sample(layers, grids, align_corners=False)
    pixels = layers[:, :3] + (1 - layers[:, 3:]) * ground
    photo = _coins(count, how.photo, chance, device) & ~plain
    parts = _photo_parts(pictures, count, how.smallest_photo_part, chance)
    pixels = torch.where(photo[:, None, None, None], parts, pixels)
    several = _coins(count, how.collage, chance, device) & ~plain
    pixels = _collages(pixels, several, chance)
    pixels = torch.where(plain[:, None, None, None], pixels, _finish(pixels, how, chance))
    mixed = _coins(count, how.mix, chance, device) & ~plain
    pixels = _mix(pixels, mixed, chance)
    titled = plain | ((kept >= how.titled_part) & ~photo & ~several & ~mixed)
    return Views(pixels.clamp(0, 1), torch.where(titled, rows, -1))


def _uniform(size: tuple[int, ...], low: float, high: float, chance: Generator, device: torch.device) -> Tensor:
    return torch.rand(size, generator=chance, device=device) * (high - low) + low


def _coins(count: int, probability: float, chance: Generator, device: torch.device) -> Tensor:
    return torch.rand(count, generator=chance, device=device) < probability


def _identity(count: int, device: torch.device) -> Tensor:
    """The grid that shows a texture as it is: (count, SIDE, SIDE, 2), x before y, in [−1, 1]."""
    line = (torch.arange(SIDE, device=device) + 0.5) * (2 / SIDE) - 1
    return torch.stack((line[None, :].expand(SIDE, SIDE), line[:, None].expand(SIDE, SIDE)), dim=-1).expand(
        count, SIDE, SIDE, 2
    )


def _boxes(count: int, smallest: float, chance: Generator, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Random parts of a square: half extents (count, 2), centres (count, 2), and the shares of the area."""
    share = _uniform((count,), smallest, 1, chance, device)
    stretch = torch.exp(_uniform((count,), -1, 1, chance, device) * math.log(4 / 3) / 2)
    half = torch.stack((share.sqrt() * stretch, share.sqrt() / stretch), dim=1).clamp(max=1)
    centre = _uniform((count, 2), -1, 1, chance, device) * (1 - half)
    return half, centre, half.prod(dim=1)


def _places(aspects: Tensor, how: Augmentation, chance: Generator) -> tuple[Tensor, Tensor]:
    """Grids (B, SIDE, SIDE, 2) that crop, shrink, rotate and mirror, and the share of each picture that is seen."""
    count, device = len(aspects), aspects.device
    half, centre, kept = _boxes(count, how.smallest_part, chance, device)
    size = _uniform((count, 2), 0.45, 1, chance, device)
    place = _uniform((count, 2), -1, 1, chance, device) * (1 - size)
    crop = _coins(count, how.crop, chance, device)[:, None]
    scale, shift = torch.where(crop, half, 1 / size), torch.where(crop, centre, -place / size)
    grid = _identity(count, device) * scale[:, None, None, :] + shift[:, None, None, :]
    turned = _coins(count, how.rotate, chance, device)
    angle = torch.where(turned, _uniform((count,), -25, 25, chance, device), 0.0) * (math.pi / 180)
    grid = _rotated(grid, angle, aspects)
    mirror = torch.where(_coins(count, 0.5, chance, device), -1.0, 1.0)
    grid = torch.stack((grid[..., 0] * mirror[:, None, None], grid[..., 1]), dim=-1)
    return grid, torch.where(crop[:, 0], kept, 1.0)


def _rotated(grid: Tensor, angle: Tensor, aspects: Tensor) -> Tensor:
    """Turn what the grid shows by an angle, in the picture's real proportions; its frame grows so that all is seen."""
    cos, sin = angle.cos(), angle.sin()
    width, height = aspects * cos.abs() + sin.abs(), aspects * sin.abs() + cos.abs()
    x, y = grid[..., 0] * width[:, None, None], grid[..., 1] * height[:, None, None]
    cos, sin = cos[:, None, None], sin[:, None, None]
    return torch.stack(((x * cos + y * sin) / aspects[:, None, None], y * cos - x * sin), dim=-1)


def _photo_parts(pictures: Pictures, count: int, smallest: float, chance: Generator) -> Tensor:
    """Parts of photos: (count, 3, SIDE, SIDE)."""
    device = pictures.photos.device
    rows = torch.randint(len(pictures.photos), (count,), generator=chance, device=device)
    half, centre, _ = _boxes(count, smallest, chance, device)
    grid = _identity(count, device) * half[:, None, None, :] + centre[:, None, None, :]
    return functional.grid_sample(pictures.photos[rows].float() / 255, grid, align_corners=False)


def _grounds(pictures: Pictures, count: int, chance: Generator) -> Tensor:
    """White, a part of a photo, a colour, or a gradient, each by chance: (count, 3, SIDE, SIDE)."""
    device = pictures.photos.device
    kind = torch.rand((count, 1, 1, 1), generator=chance, device=device)
    first, last = (torch.rand((count, 3, 1, 1), generator=chance, device=device) for _ in range(2))
    angle = _uniform((count, 1, 1), 0, 2 * math.pi, chance, device)
    line = _identity(count, device)
    ramp = (((line[..., 0] * angle.cos() + line[..., 1] * angle.sin()) / math.sqrt(2) + 1) / 2)[:, None]
    gradient = first + (last - first) * torch.where(kind < 0.8, 0.0, ramp)
    ground = torch.where(kind < 0.6, _photo_parts(pictures, count, 0.04, chance), gradient)
    return torch.where(kind < 0.35, 1.0, ground)


def _collages(pixels: Tensor, several: Tensor, chance: Generator) -> Tensor:
    """Replace the chosen views by four small ones, or by two halves, of this and other views of the batch."""
    count, device = len(pixels), pixels.device
    small = functional.interpolate(pixels, scale_factor=0.5, mode="area")
    others = torch.stack([torch.randperm(count, generator=chance, device=device) for _ in range(3)])
    rows = [torch.cat((small, small[others[0]]), dim=3), torch.cat((small[others[1]], small[others[2]]), dim=3)]
    four = torch.cat(rows, dim=2)
    quarter = SIDE // 4
    beside = torch.cat((pixels, pixels[others[0]]), dim=3)[..., quarter : quarter + SIDE]
    above = torch.cat((pixels, pixels[others[0]]), dim=2)[..., quarter : quarter + SIDE, :]
    two = torch.where((torch.rand(count, generator=chance, device=device) < 0.5)[:, None, None, None], beside, above)
    chosen = torch.where((torch.rand(count, generator=chance, device=device) < 0.4)[:, None, None, None], four, two)
    return torch.where(several[:, None, None, None], chosen, pixels)


def _mix(pixels: Tensor, mixed: Tensor, chance: Generator) -> Tensor:
    """Lay another view of the batch over the chosen ones ("mixup" with the teacher's own opinion of the mixture)."""
    count, device = len(pixels), pixels.device
    other = pixels[torch.randperm(count, generator=chance, device=device)]
    weight = torch.where(mixed, _uniform((count,), 0.1, 0.5, chance, device), 0.0)[:, None, None, None]
    return pixels * (1 - weight) + other * weight


def _finish(pixels: Tensor, how: Augmentation, chance: Generator) -> Tensor:
    """Recolour, grey, blur, add noise, compress, each by chance."""
    count, device = len(pixels), pixels.device

    def chosen(probability: float) -> Tensor:
        return _coins(count, probability, chance, device).nonzero().flatten()

    for rows, change in (
        (chosen(how.recolour), _recolour),
        (chosen(how.grey), _grey),
        (chosen(how.blur), _blur),
        (chosen(how.compress), _compress),
        (chosen(how.noise), _noise),
    ):
        if len(rows):
            pixels = pixels.index_copy(0, rows, change(pixels[rows], chance).clamp(0, 1))
    return pixels


def _grey(pixels: Tensor, _chance: Generator) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], device=pixels.device)[None, :, None, None]
    return (pixels * weights).sum(dim=1, keepdim=True).expand_as(pixels)


def _recolour(pixels: Tensor, chance: Generator) -> Tensor:
    """Change brightness, contrast and saturation by up to a half, and turn the hue of some by up to 56 degrees."""
    count, device = len(pixels), pixels.device
    bright, contrast, colour = (_uniform((count, 1, 1, 1), 0.5, 1.5, chance, device) for _ in range(3))
    pixels = (pixels * bright).clamp(0, 1)
    mean = _grey(pixels, chance).mean(dim=(2, 3), keepdim=True)
    pixels = (mean + (pixels - mean) * contrast).clamp(0, 1)
    grey = _grey(pixels, chance)
    pixels = (grey + (pixels - grey) * colour).clamp(0, 1)
    angle = _uniform((count,), -56, 56, chance, device) * (math.pi / 180)
    return _turn_hue(pixels, torch.where(_coins(count, 0.4, chance, device), angle, 0.0))


def _turn_hue(pixels: Tensor, angle: Tensor) -> Tensor:
    """Turn the colours about the axis of greys by an angle each (B,), in radians."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    third = torch.full((3, 3), 1 / 3, device=pixels.device)
    root = math.sqrt(1 / 3)
    cross = torch.tensor([[0, -root, root], [root, 0, -root], [-root, root, 0]], device=pixels.device)
    turn = cos * torch.eye(3, device=pixels.device) + (1 - cos) * third + sin * cross
    return torch.einsum("bij,bjhw->bihw", turn, pixels)


def _blur(pixels: Tensor, chance: Generator) -> Tensor:
    """Blur by a Gaussian of 0.5 to 2 px, another for each view."""
    count, device = len(pixels), pixels.device
    sigma = _uniform((count, 1), 0.5, 2, chance, device)
    kernel = torch.softmax(-(torch.arange(-4, 5, device=device)[None] ** 2) / (2 * sigma**2), dim=1)
    kernel = kernel.repeat_interleave(3, dim=0)[:, None]
    flat = functional.pad(pixels.reshape(1, count * 3, *pixels.shape[2:]), (4, 4, 4, 4), mode="reflect")
    flat = functional.conv2d(flat, kernel[:, :, None, :], groups=count * 3)
    flat = functional.conv2d(flat, kernel[:, :, :, None], groups=count * 3)
    return flat.reshape(pixels.shape)


def _noise(pixels: Tensor, chance: Generator) -> Tensor:
    """Add grains of 4 to 20 of 255."""
    strength = _uniform((len(pixels), 1, 1, 1), 4 / 255, 20 / 255, chance, pixels.device)
    return pixels + torch.randn(pixels.shape, generator=chance, device=pixels.device) * strength


def _compress(pixels: Tensor, chance: Generator) -> Tensor:
    """Leave JPEG's traces: coefficients of 8 × 8 blocks rounded, higher frequencies and colours more coarsely."""
    device, blocks = pixels.device, SIDE // 8
    to_ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], device=device)
    place = torch.arange(8, device=device)
    cosines = torch.cos((2 * place[None, :] + 1) * place[:, None] * (math.pi / 16)) / 2
    cosines[0] /= math.sqrt(2)
    ycc = torch.einsum("ij,bjhw->bihw", to_ycc, pixels)
    tiles = ycc.reshape(len(pixels), 3, blocks, 8, blocks, 8)
    waves = torch.einsum("ui,bcximj,vj->bcxumv", cosines, tiles, cosines)
    step = (1 + place[:, None] + place[None, :]) * _uniform((len(pixels), 1, 1), 6 / 255, 30 / 255, chance, device)
    step = torch.stack((step, 1.5 * step, 1.5 * step), dim=1)[:, :, None, :, None, :]
    waves = (waves / step).round() * step
    tiles = torch.einsum("ui,bcxumv,vj->bcximj", cosines, waves, cosines)
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_ycc), tiles.reshape(pixels.shape))
